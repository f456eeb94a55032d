/**
 * The messages between a backend on this machine and the runner that it started, besides requests: one line when the
 * runner is ready, over a pipe. The end of the pipe tells the runner that its parent has exited.
 */

/** The file descriptor of the pipe in the runner's process. */
export const SUPERVISION_FD = 3;

/** Set to `1` in the environment of a runner whose parent holds the pipe. */
export const SUPERVISED_VARIABLE = "FLAME_SUPERVISED";

/** The line that a runner writes when it accepts requests, as JSON. */
export interface ReadyMessage {
  readonly ready: true;
  /** The base URL, such as `http://127.0.0.1:4123`. */
  readonly url: string;
  readonly port: number;
  readonly runnerId: string;
  readonly pid: number;
  /** The duration of boot steps that only the runner can measure, in milliseconds by name. */
  readonly phases?: Readonly<Record<string, number>>;
}

/** The line that it writes before a user's start hook runs. */
export interface StartingMessage {
  readonly starting: string;
}

/** The line that it writes instead of the ready line if that failed. */
export interface FailedMessage {
  readonly failed: string;
  /** The error that was thrown. */
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
}

export type SupervisionMessage = ReadyMessage | StartingMessage | FailedMessage;

/** Encodes a message as a line, including the newline. */
export const encodeSupervision = (message: SupervisionMessage): string => `${JSON.stringify(message)}\n`;

type Fields = Readonly<Record<string, unknown>>;

const readPhases = (given: unknown): ReadyMessage["phases"] =>
  typeof given !== "object" || given === null
    ? undefined
    : Object.fromEntries(Object.entries(given).filter(([, ms]) => typeof ms === "number"));

const readReady = ({ url, port, runnerId, pid, phases }: Fields): ReadyMessage | undefined => {
  if (typeof url !== "string" || typeof runnerId !== "string") return undefined;
  if (typeof port !== "number" || typeof pid !== "number") return undefined;
  const known = readPhases(phases);
  return { ready: true, url, port, runnerId, pid, ...(known === undefined ? {} : { phases: known }) };
};

const readFailed = ({ failed, name, message, stack }: Fields): FailedMessage | undefined => {
  if (typeof failed !== "string" || typeof name !== "string" || typeof message !== "string") return undefined;
  return { failed, name, message, ...(typeof stack === "string" ? { stack } : {}) };
};

/** Parses a line; `undefined` if it is not a message. */
export const decodeSupervision = (line: string): SupervisionMessage | undefined => {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const fields = value as Fields;
  if (fields["ready"] === true) return readReady(fields);
  if (typeof fields["starting"] === "string") return { starting: fields["starting"] };
  return readFailed(fields);
};
