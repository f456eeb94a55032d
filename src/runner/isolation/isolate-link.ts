/** The runner's end of an isolate, whatever the isolate is. */
import type { FromIsolate, IsolateSettings, ToIsolate } from "./messages.ts";

/** What an isolate is started with. */
export interface LinkStart {
  /** The path of the module to import. */
  readonly entry: string;
  readonly settings: IsolateSettings;
  readonly onMessage: (message: FromIsolate) => void;
  /** Called once when it has ended. */
  readonly onExit: (exit: IsolateExit) => void;
}

/** How an isolate ended. */
export interface IsolateExit {
  /** The rest of a sentence, without anything that the handler said. */
  readonly how: string;
  /** Whether it was for want of memory, processes or the like, and not for what the entry does. */
  readonly starved: boolean;
  /** What nobody caught, as far as it is known here. For the log. */
  readonly cause: unknown;
}

/** It does not keep the runner's process alive: the timer of the deadline does, as long as a call runs. */
export interface IsolateLink {
  send(message: ToIsolate): void;
  /** Ends it at once, whatever it does. `onExit` tells when it has ended. */
  kill(): void;
}

export type StartLink = (start: LinkStart) => IsolateLink;

/**
 * The environment of an isolate: that of the runner, of whose modes it has none but `runner`, and whose supervision is not
 * its own. Nor does it report to a `node --watch`, which would use its channel.
 */
export const isolateEnv = (): NodeJS.ProcessEnv => {
  const { FLAME_SUPERVISED: _, WATCH_REPORT_DEPENDENCIES: __, ...inherited } = process.env;
  return { ...inherited, FLAME_MODE: "runner" };
};
