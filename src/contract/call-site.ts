/** Where in a user's code a function of this package was called. */

/** A place in a source file. */
export interface CallSite {
  /** A path or a URL, without what marks a reload of it. */
  readonly file: string;
  /** `line:column`. */
  readonly position: string;
  /** Whether it is at the top level of a module, as far as the stack tells. */
  readonly topLevel: boolean;
}

/** Helpers of compilers, which stand between a decorated class and its decorators. */
const compilerHelper = /\/node_modules\/(?:tslib|@swc\/helpers|@babel\/runtime|@oxc-project\/runtime)\//;

/** Frames that are looked at. */
const depth = 12;

/** `at file:1:2`, `at name (file:1:2)`, `at async file:1:2`. */
const frame = /^\s*at (?:async )?(?:(.+?) \()?([^()]+?):(\d+)(?::(\d+))?\)?$/;

/** What stack traces call the code of a module that is in no function. */
const moduleCode = /^(?:eval|<anonymous>|Object\.<anonymous>|module evaluation|module code)$/;

const siteIn = (line: string): CallSite | undefined => {
  const [, name, file, row, column = "0"] = frame.exec(line) ?? [];
  if (file === undefined || file.startsWith("node:") || file === "native" || compilerHelper.test(file))
    return undefined;
  return {
    file: file.replace(/[?#].*$/, ""),
    position: `${row}:${column}`,
    topLevel: name === undefined || moduleCode.test(name),
  };
};

/**
 * The place that called `called`; `undefined` when the stack does not say.
 *
 * @param called the function that the user called. It must be on the stack, where a call in `return` position is not on Bun.
 */
export const callSite = (called: Function): CallSite | undefined => {
  const holder: { stack?: string } = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = depth;
  Error.captureStackTrace(holder, called);
  const lines = String(holder.stack).split("\n").slice(1);
  Error.stackTraceLimit = limit;
  for (const line of lines) {
    const site = siteIn(line);
    if (site !== undefined) return site;
  }
  return undefined;
};
