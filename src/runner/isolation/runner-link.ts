/**
 * Detects whether this thread or process is an isolate, and provides its link to the runner. The runner marks the
 * isolate when it starts it. The imported module then creates its runner server as usual.
 */
import { parentPort, workerData } from "node:worker_threads";
import { processWide } from "../../contract/process/copies.ts";
import { messageOf } from "../../contract/thrown.ts";
import { makeOutputBlocking } from "../lifecycle/blocking-output.ts";
import { watchForParent } from "../lifecycle/parent-pipe-watch.ts";
import { ownGroup, RUNNER_PIPE_FD } from "./child.ts";
import { type FromIsolate, ISOLATE_MARKER, type IsolateSettings, type ToIsolate } from "./messages.ts";

/** The isolate's side of the link. */
export interface RunnerLink {
  readonly settings: IsolateSettings;
  send(message: FromIsolate): void;
  /** Receives the messages of the runner, from the first one on. Call it once. */
  listen(onMessage: (message: ToIsolate) => void): void;
}

const threadLink = (): RunnerLink | undefined => {
  const given: unknown = workerData;
  if (parentPort === null || typeof given !== "object" || given === null || !(ISOLATE_MARKER in given))
    return undefined;
  const port = parentPort;
  return {
    settings: given[ISOLATE_MARKER] as IsolateSettings,
    send: (message) => port.postMessage(message),
    listen: (onMessage) => void port.on("message", onMessage),
  };
};

/**
 * Ignores signals, because the runner stops its isolates. A signal to all processes of a service must not terminate
 * them during a drain.
 */
const leaveSignalsToRunner = (): void => {
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => {});
};

/**
 * Exits the process on an uncaught error. Bun does that only after the entry was evaluated, and the entry waits for a
 * server that is never ready here.
 */
const endWhenUncaught = (): void => {
  for (const event of ["uncaughtException", "unhandledRejection"]) {
    process.on(event, (error: unknown) => {
      if (process.listenerCount(event) > 1) return;
      console.error(error);
      process.exit(1);
    });
  }
};

const processLink = (): RunnerLink | undefined => {
  const given = process.env[ISOLATE_MARKER];
  if (given === undefined || process.send === undefined) return undefined;
  delete process.env[ISOLATE_MARKER];
  leaveSignalsToRunner();
  makeOutputBlocking();
  if ("Bun" in globalThis) endWhenUncaught();
  const target = ownGroup ? -process.pid : process.pid;
  const end = (): void => void process.kill(target, "SIGKILL");
  watchForParent({
    fd: RUNNER_PIPE_FD,
    graceMs: 0,
    target,
    onParentGone: end,
    onFailure: (cause) => {
      process.emitWarning(`An isolate cannot watch for the exit of its runner: ${messageOf(cause)}`, {
        code: "FLAME_ORPHAN_WATCH",
      });
    },
  });
  process.once("disconnect", end);
  return {
    settings: JSON.parse(given) as IsolateSettings,
    send: (message) => void process.send?.(message, undefined, undefined, () => {}),
    listen: (onMessage) => void process.on("message", onMessage),
  };
};

/** Evaluated once, because the marker is removed from the environment. */
const known = processWide("runner-link", (): { found?: { readonly link: RunnerLink | undefined } } => ({}));

/** The link to the runner of this isolate; `undefined` in any other process or thread. */
export const runnerLink = (): RunnerLink | undefined => (known.found ??= { link: threadLink() ?? processLink() }).link;
