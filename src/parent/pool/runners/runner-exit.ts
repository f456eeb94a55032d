/** How a runner ended, as its backend tells it: whatever it gives. */
import type { RunnerExit } from "../../../contract/config/backend.ts";
import { readField } from "../../../contract/thrown.ts";
import { returnedText } from "../../../contract/user-function.ts";

/** The fields that can be used. */
export const readExit = (given: unknown): RunnerExit => {
  if (typeof given !== "object" || given === null) return { reason: `its backend gave ${returnedText(given)}` };
  const code = readField(given, "code");
  const signal = readField(given, "signal");
  const reason = readField(given, "reason");
  return {
    ...(typeof code === "number" || code === null ? { code } : {}),
    ...(typeof signal === "string" || signal === null ? { signal } : {}),
    ...(typeof reason === "string" ? { reason } : {}),
    ...(readField(given, "outOfMemory") === true ? { outOfMemory: true } : {}),
  };
};

/** How it ended, with what its backend's reason does not name of the exit code, the signal and the want of memory. */
export const describeExit = ({ code, signal, reason, outOfMemory }: RunnerExit): string => {
  const known: ReadonlyArray<readonly [said: string, text: string] | undefined> = [
    code === undefined || code === null ? undefined : [String(code), `exit code ${code}`],
    signal === undefined || signal === null ? undefined : [signal, `signal ${signal}`],
    outOfMemory === true ? ["memory", "out of memory"] : undefined,
  ];
  const missing = known.flatMap((fact) => (fact === undefined || reason?.includes(fact[0]) === true ? [] : [fact[1]]));
  if (reason === undefined) return missing.join(", ") || "exit code none, signal none";
  return missing.length === 0 ? reason : `${reason} (${missing.join(", ")})`;
};

/** Whether a runner that was asked to end did so by itself, and so sent what it held. */
export const inOrder = ({ code, signal }: RunnerExit): boolean =>
  code === 0 || signal === "SIGTERM" || signal === "SIGINT";
