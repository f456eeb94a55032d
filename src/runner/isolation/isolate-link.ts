/** The runner's side of an isolate of either kind. */
import type { FromIsolate, IsolateSettings, ToIsolate } from "./messages.ts";

/** What an isolate is started with. */
export interface LinkStart {
  /** The path of the module to import. */
  readonly entry: string;
  readonly settings: IsolateSettings;
  readonly onMessage: (message: FromIsolate) => void;
  /** Called once after it has exited. */
  readonly onExit: (exit: IsolateExit) => void;
}

/** How an isolate exited. */
export interface IsolateExit {
  /** In words, as the rest of a sentence. Contains nothing that the handler said. */
  readonly how: string;
  /** Whether memory, processes or other resources were exhausted, so that the entry is not to blame. */
  readonly starved: boolean;
  /** The uncaught error, if known. For the log. */
  readonly cause: unknown;
}

/** Does not keep the process of the runner alive. During a call, the timer of the deadline does. */
export interface IsolateLink {
  send(message: ToIsolate): void;
  /** Kills it. `onExit` is called after it has exited. */
  kill(): void;
}

export type StartLink = (start: LinkStart) => IsolateLink;

/**
 * The environment of an isolate: the one of the runner, in mode `runner` and without supervision. It does not report to
 * `node --watch`, which would use the same channel.
 */
export const isolateEnv = (): NodeJS.ProcessEnv => {
  const { FLAME_SUPERVISED: _, WATCH_REPORT_DEPENDENCIES: __, ...inherited } = process.env;
  return { ...inherited, FLAME_MODE: "runner" };
};
