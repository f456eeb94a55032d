import { InvokeError } from "../../../src/contract/errors.ts";

/** The `InvokeError` that `run` throws; what else it throws is thrown. */
export const caught = (run: () => unknown): InvokeError => {
  try {
    run();
  } catch (error) {
    if (error instanceof InvokeError) return error;
    throw error;
  }
  throw new Error("Nothing was thrown.");
};
