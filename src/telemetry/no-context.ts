/** The asynchronous context of module load, which belongs to no caller. */
import { AsyncLocalStorage } from "node:async_hooks";

const outside = AsyncLocalStorage.snapshot();

/** Runs a function outside of every caller's context. For work that serves many callers and for callbacks to users. */
export const inNoContext = <Args extends Array<unknown>, Result>(
  run: (...args: Args) => Result,
  ...args: Args
): Result => outside(run, ...args);
