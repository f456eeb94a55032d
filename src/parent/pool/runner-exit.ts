/** How a runner ended, as its backend tells it: whatever it gives. */
import type { RunnerExit } from "../../contract/backend.ts";
import { returnedText } from "../../contract/user-function.ts";

/** The fields that can be used. */
export const readExit = (given: unknown): RunnerExit => {
  if (typeof given !== "object" || given === null) return { reason: `its backend gave ${returnedText(given)}` };
  const { code, signal, reason } = given as Record<keyof RunnerExit, unknown>;
  return {
    ...(typeof code === "number" ? { code } : {}),
    ...(typeof signal === "string" ? { signal } : {}),
    ...(typeof reason === "string" ? { reason } : {}),
  };
};

export const describeExit = (exit: RunnerExit): string =>
  exit.reason ?? `exit code ${exit.code ?? "none"}, signal ${exit.signal ?? "none"}`;

/** Whether a runner that was asked to end did so by itself, and so sent what it held. */
export const inOrder = ({ code, signal }: RunnerExit): boolean =>
  code === 0 || signal === "SIGTERM" || signal === "SIGINT";
