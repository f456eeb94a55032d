/** The asynchronous context that belongs to no caller: the one in which this module was loaded. */
import { AsyncLocalStorage } from "node:async_hooks";

const outside = AsyncLocalStorage.snapshot();

/** Runs a function as if it began here: in no caller's context. For what serves many callers, or comes back to users. */
export const inNoContext = <Args extends Array<unknown>, Result>(
  run: (...args: Args) => Result,
  ...args: Args
): Result => outside(run, ...args);
