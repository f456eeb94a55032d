/** Reads and validates the handle that a backend returned for a runner. */
import type { RunnerExit, RunnerHandle } from "../../../contract/config/backend.ts";
import { ConfigError } from "../../../contract/errors.ts";
import { addressFault, runnerIdFault } from "../../../contract/config/runner-url.ts";
import { catchRejection, isThenable, returnedText } from "../../../contract/user-function.ts";
import { readField } from "../../../contract/thrown.ts";

/** How a runner exited, as its backend reported it. Keeps the valid fields. */
export const readExit = (given: unknown): RunnerExit => {
  if (typeof given !== "object" || given === null) return { reason: `its backend reported ${returnedText(given)}` };
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

/**
 * Describes how a runner exited: the backend's reason, and what it leaves out of exit code, signal and out of memory.
 */
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

/** Whether a runner exited in order after it was asked to stop, and so flushed its telemetry. */
export const inOrder = ({ code, signal }: RunnerExit): boolean =>
  code === 0 || signal === "SIGTERM" || signal === "SIGINT";

/** A validated handle. */
export interface CheckedHandle extends RunnerHandle {
  /** The handle as the backend returned it, to pass back to the backend. */
  readonly given: RunnerHandle;
  /** What is invalid in it and was left out. */
  readonly fault: string | undefined;
}

const numbersOf = (phases: unknown): RunnerHandle["bootPhases"] => {
  if (typeof phases !== "object" || phases === null) return undefined;
  return Object.fromEntries(
    Object.entries(phases).filter(([, ms]: [string, unknown]) => typeof ms === "number" && Number.isFinite(ms)),
  );
};

/**
 * Validates a handle.
 *
 * @throws {ConfigError} if it does not identify a reachable runner.
 */
export const checkHandle = (given: unknown, pool: string): CheckedHandle => {
  const refuse = (what: string): ConfigError =>
    new ConfigError(`The backend of pool "${pool}" returned ${what}`, { pool });
  if (typeof given !== "object" || given === null || isThenable(given))
    throw refuse(`${returnedText(given)} instead of a runner. Its spawn must return { id, url }.`);
  const { id, url, exited, bootPhases } = given as Record<keyof RunnerHandle, unknown>;
  const urlFault = addressFault(url);
  if (urlFault !== undefined) throw refuse(`a runner whose url ${urlFault}`);
  const idFault = runnerIdFault(id, 255);
  if (idFault !== undefined) throw refuse(`a runner whose id ${idFault}`);
  const ends = isThenable(exited);
  catchRejection(exited);
  const phases = numbersOf(bootPhases);
  return {
    id: id as string,
    url: url as string,
    ...(ends ? { exited: Promise.resolve(exited as Promise<RunnerExit>) } : {}),
    ...(phases === undefined ? {} : { bootPhases: phases }),
    given: given as RunnerHandle,
    fault:
      ends || exited === undefined
        ? undefined
        : `returned a handle whose exited is ${returnedText(exited)} instead of a promise`,
  };
};
