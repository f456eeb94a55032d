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

/** What stands between a definition and its call: helpers of compilers, and what bundlers evaluate modules with. */
const helper =
  /\/node_modules\/(?:tslib|@swc\/helpers|@babel\/runtime|@oxc-project\/runtime)\/|\[turbopack\]_runtime\.js$/;

/** Frames that are looked at. */
const depth = 12;

/** What stack traces call the code of a module that is in no function. */
const moduleCode = /^(?:eval|<anonymous>|Object\.<anonymous>|module evaluation|module code)$/;

/** `at file:1:2`, `at name (file:1:2)`, `at async file:1:2`; names and files may have parentheses of their own. */
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
