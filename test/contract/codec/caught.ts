import { InvokeError } from "../../../src/contract/errors.ts";

/** Returns the `InvokeError` that `run` throws. Rethrows other errors, and throws if `run` does not throw. */
export const caught = (run: () => unknown): InvokeError => {
  try {
    run();
  } catch (error) {
    if (error instanceof InvokeError) return error;
    throw error;
  }
  throw new Error("Nothing was thrown.");
};
