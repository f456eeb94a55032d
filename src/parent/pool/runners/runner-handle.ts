/** What a backend gave for a runner, read once and checked: it may be anything. */
import type { RunnerExit, RunnerHandle } from "../../../contract/config/backend.ts";
import { ConfigError } from "../../../contract/errors.ts";
import { addressFault, runnerIdFault } from "../../../contract/config/runner-url.ts";
import { catchRejection, isThenable, returnedText } from "../../../contract/user-function.ts";

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
