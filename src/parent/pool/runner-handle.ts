/** What a backend gave for a runner, read once and checked: it may be anything. */
import type { RunnerExit, RunnerHandle } from "../../contract/backend.ts";
import { ConfigError } from "../../contract/errors.ts";
import { catchRejection, isThenable, returnedText } from "../../contract/user-function.ts";

/** A handle that can be relied on. */
export interface CheckedHandle extends RunnerHandle {
  /** The backend's own, which it is given back. */
  readonly given: RunnerHandle;
  /** What of it cannot be used, and is left out. */
  readonly fault: string | undefined;
}

const isUrl = (value: unknown): value is string =>
  typeof value === "string" && /^https?:$/.test(URL.parse(value)?.protocol ?? "");

const isId = (value: unknown): value is string => typeof value === "string" && /^[\x21-\x7e]{1,255}$/.test(value);

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
export const checkHandle = (given: unknown, backend: string): CheckedHandle => {
  const refuse = (what: string, allowed: string): ConfigError =>
    new ConfigError(`spawn of the backend "${backend}" gave ${what}. It must give { id, url }: ${allowed}.`);
  if (typeof given !== "object" || given === null) throw refuse(returnedText(given), "how the runner is reached");
  const { id, url, exited, bootPhases } = given as Record<keyof RunnerHandle, unknown>;
  if (!isId(id))
    throw refuse(`the id ${returnedText(id)}`, "the id is up to 255 printable ASCII characters, no spaces");
  if (!isUrl(url)) throw refuse(`the url ${returnedText(url)}`, 'the url is a string such as "http://10.0.0.7:8080"');
  const ends = isThenable(exited);
  catchRejection(exited);
  const phases = numbersOf(bootPhases);
  return {
    id,
    url,
    ...(ends ? { exited: Promise.resolve(exited as Promise<RunnerExit>) } : {}),
    ...(phases === undefined ? {} : { bootPhases: phases }),
    given: given as RunnerHandle,
    fault: ends || exited === undefined ? undefined : `gave exited: ${returnedText(exited)}, which is no promise`,
  };
};
