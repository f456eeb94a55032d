/** Finds the place in a user's code that called a function of this package. */

/** A position in a source file. */
export interface CallSite {
  /** A path or URL, without the suffix that marks a reload. */
  readonly file: string;
  /** `line:column`. */
  readonly position: string;
  /** Whether it is at the top level of a module, according to the stack. */
  readonly topLevel: boolean;
}

/** Frames between a definition and its call: compiler helpers, and the functions in which bundlers evaluate modules. */
const helper =
  /\/node_modules\/(?:tslib|@swc\/helpers|@babel\/runtime|@oxc-project\/runtime)\/|\[turbopack\]_runtime\.js$/;

/** Maximum number of frames to inspect. */
const depth = 12;

/** The names of module-level code in stack traces. */
const moduleCode = /^(?:eval|<anonymous>|Object\.<anonymous>|module evaluation|module code)$/;

/** Parses `at file:1:2`, `at name (file:1:2)` and `at async file:1:2`. Names and files may contain parentheses. */
const siteIn = (line: string): CallSite | undefined => {
  const [, frame = ""] = /^\s*at (?:async )?(.*)$/.exec(line) ?? [];
  const opens = frame.endsWith(")") ? frame.lastIndexOf(" (") : -1;
  const location = opens < 0 ? frame : frame.slice(opens + 2, -1);
  const name = opens < 0 ? undefined : frame.slice(0, opens);
  const [, file, row, column = "0"] = /^(.+?):(\d+)(?::(\d+))?$/.exec(location) ?? [];
  if (file === undefined || file.startsWith("node:") || file === "native" || helper.test(file)) return undefined;
  return {
    file: file.replace(/[?#].*$/, ""),
    position: `${row}:${column}`,
    topLevel: name === undefined || moduleCode.test(name),
  };
};

/**
 * Returns the position that called `called`; `undefined` if the stack does not contain it.
 *
 * @param called the function that the user called. It must be on the stack; on Bun, a call in `return` position is not
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
