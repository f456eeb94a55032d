/** Selects the runtime flags to pass on to child processes that run the same code. */

/** Flags that child processes must not inherit: they watch, debug, test, or contain a program. */
const notToRepeat =
  /^(?:-e|-p|-pe|-i|-c|--eval|--print|--interactive|--check|--watch.*|--hot|--test.*|--inspect.*|--debug-port|--input-type|--run)(?:=|$)/;

/** The flags among them whose value is the next argument. */
const takesValue =
  /^(?:-e|-p|-pe|--eval|--print|--watch-path|--inspect-port|--debug-port|--input-type|--test-[a-z-]+|--run)$/;

/** Returns the flags that make a child process run the same code the same way, such as `--import` and loaders. */
export const inheritedRuntimeArgs = (execArgv: ReadonlyArray<string>): ReadonlyArray<string> => {
  const kept: Array<string> = [];
  for (let index = 0; index < execArgv.length; index++) {
    const flag = execArgv[index]!;
    if (!notToRepeat.test(flag)) kept.push(flag);
    else if (takesValue.test(flag) && execArgv[index + 1]?.startsWith("-") === false) index++;
  }
  return kept;
};
