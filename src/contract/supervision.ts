/**
 * What a backend on this machine and the runner that it started say to each
 * other beside requests: one line when the runner is ready, over a pipe whose
 * end also tells the runner that its parent is gone.
 */

/** The descriptor of the pipe in the runner's process. */
export const SUPERVISION_FD = 3;

/** Set to `1` in the environment of a runner whose parent holds the pipe. */
export const SUPERVISED_VARIABLE = "FLAME_SUPERVISED";

/** The one line that a runner writes, as JSON, when it takes requests. */
export interface ReadyMessage {
  readonly ready: true;
  /** Base URL, such as `http://127.0.0.1:4123`. */
  readonly url: string;
  readonly port: number;
  readonly runnerId: string;
  readonly pid: number;
}

/** The line for a message, newline included. */
export const encodeReady = (message: ReadyMessage): string => `${JSON.stringify(message)}\n`;

/** The message of a line, or `undefined` when the line is something else. */
export const decodeReady = (line: string): ReadyMessage | undefined => {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { ready, url, port, runnerId, pid } = value as Partial<Record<keyof ReadyMessage, unknown>>;
  if (ready !== true || typeof url !== "string" || typeof runnerId !== "string") return undefined;
  if (typeof port !== "number" || typeof pid !== "number") return undefined;
  return { ready, url, port, runnerId, pid };
};
