/** Which flags of this process go to processes that it starts to run the same code. */

/** Flags of this process that those which it starts must not repeat: they watch, debug, test, or carry a program of their own. */
const notToRepeat =
  /^(?:-e|-p|-pe|-i|-c|--eval|--print|--interactive|--check|--watch.*|--hot|--test.*|--inspect.*|--debug-port|--input-type|--run)(?:=|$)/;

/** Those of them whose value is the next argument. */
const takesValue =
  /^(?:-e|-p|-pe|--eval|--print|--watch-path|--inspect-port|--debug-port|--input-type|--test-[a-z-]+|--run)$/;

/** The runtime flags of this process that make another one run the same code the same way, such as `--import` and loaders. */
export const inheritedRuntimeArgs = (execArgv: ReadonlyArray<string>): ReadonlyArray<string> => {
  const kept: Array<string> = [];
  for (let index = 0; index < execArgv.length; index++) {
    const flag = execArgv[index]!;
    if (!notToRepeat.test(flag)) kept.push(flag);
    else if (takesValue.test(flag) && execArgv[index + 1]?.startsWith("-") === false) index++;
  }
  return kept;
};
