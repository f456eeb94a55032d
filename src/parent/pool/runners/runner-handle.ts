/** What a backend gave for a runner, read once and checked: it may be anything. */
import type { RunnerExit, RunnerHandle } from "../../../contract/config/backend.ts";
import { ConfigError } from "../../../contract/errors.ts";
import { addressFault, runnerIdFault } from "../../../contract/config/runner-url.ts";
import { catchRejection, isThenable, returnedText } from "../../../contract/user-function.ts";
import { readField } from "../../../contract/thrown.ts";

/** How a runner ended, as its backend reported it: only the fields that are valid. */
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

/** A handle that can be relied on. */
export interface CheckedHandle extends RunnerHandle {
  /** The backend's own, which it is given back. */
  readonly given: RunnerHandle;
  /** What of it cannot be used, and is left out. */
  readonly fault: string | undefined;
}

const numbersOf = (phases: unknown): RunnerHandle["bootPhases"] => {
  if (typeof phases !== "object" || phases === null) return undefined;
  return Object.fromEntries(
    Object.entries(phases).filter(([, ms]: [string, unknown]) => typeof ms === "number" && Number.isFinite(ms)),
  );
};

/**
 * The parts that a pool uses.
 *
 * @throws {ConfigError} when there is no runner to be reached by it.
 */
export const checkHandle = (given: unknown, pool: string): CheckedHandle => {
  const refuse = (what: string): ConfigError =>
    new ConfigError(`The backend of the pool "${pool}" gave ${what}`, { pool });
  if (typeof given !== "object" || given === null || isThenable(given))
    throw refuse(`${returnedText(given)} in place of a runner. Its spawn must give { id, url }.`);
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
    fault: ends || exited === undefined ? undefined : `gave exited: ${returnedText(exited)}, which is no promise`,
  };
};
