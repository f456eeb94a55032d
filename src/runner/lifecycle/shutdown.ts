/**
 * Stops a runner: it rejects new invocations, waits for running ones, aborts those that exceed the drain timeout,
 * closes its sockets, and flushes telemetry.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { maxTimerMs } from "../../contract/validation/check-number.ts";
import { flushAll } from "../../contract/process/flush.ts";
import type { Logger } from "../../contract/config/options.ts";
import { exceptionMeta } from "../../telemetry/exception.ts";
import { makeRedactor } from "../../telemetry/redaction.ts";
import type { Admission } from "../request/admission.ts";
import type { IsolateRunner } from "../isolation/isolate-runner.ts";
import { type LiveRunner, reportEarlyExit, warnOfForeignHandlers } from "./early-exit.ts";
import type { LifecycleHooks } from "./hooks.ts";
import type { Listener } from "../http/listen.ts";

/** Options of {@link RunnerServer.stop}. */
export interface StopOptions {
  /**
   * How long to wait for running invocations before they are aborted, in milliseconds. `Infinity` waits for all of
   * them. Default: `drainTimeoutMs` of the server.
   */
  readonly drainTimeoutMs?: number;
}

/** Internal options. */
export interface OwnStopOptions extends StopOptions {
  /** Frees the port synchronously, for the server that replaces this one. */
  readonly freePort?: boolean;
}

/** Stops a server that a reload has replaced. Its port goes to the next server. */
export const replacedStop: OwnStopOptions = Object.freeze({ freePort: true });

export interface LifecycleOptions {
  readonly runnerId: string;
  readonly drainTimeoutMs: number;
  readonly admission: Admission;
  readonly listener: Listener;
  /** Closed after the last invocation. */
  readonly isolated: Pick<IsolateRunner, "close">;
  /** The user's hooks. `onRunnerStop` runs after the last invocation. */
  readonly hooks: Pick<LifecycleHooks, "stop">;
  readonly logger: Logger;
}

/** How long finished responses have to be sent before connections are closed, in milliseconds. */
const closeGraceMs = 1_000;

/**
 * Connections are closed when no invocation has arrived for this many checks, at this interval in milliseconds. A
 * request on a connection that is being closed fails without its caller knowing whether it ran; a rejected request goes
 * to another runner. Checks are counted instead of time, because a process without CPU time reads nothing.
 */
const quietChecks = 10;
const checkIntervalMs = 20;

/** Maximum time to wait for that, in milliseconds: some callers never stop sending. */
const maxUnrestMs = 1_000;

/** Timeout for flushing telemetry, in milliseconds. */
const flushTimeoutMs = 5_000;

/** Waits until no invocation is running. Resolves to `false` at the timeout. */
const idleWithin = (admission: Admission, ms: number): Promise<boolean> => {
  if (admission.inFlight === 0) return Promise.resolve(true);
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), Math.min(ms, maxTimerMs));
    void admission.idle().then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
};

/** Waits until no more invocations arrive. Does not wait if none has ever arrived. */
const quiet = async (admission: Admission): Promise<void> => {
  const giveUpAt = performance.now() + maxUnrestMs;
  let last = admission.askedAt;
  if (last === undefined) return;
  for (let checks = 0; checks < quietChecks && performance.now() < giveUpAt; checks++) {
    await sleep(checkIntervalMs);
    if (admission.askedAt !== last) checks = -1;
    last = admission.askedAt;
  }
};

const drain = async (options: LifecycleOptions, stop: OwnStopOptions): Promise<void> => {
  const { admission, hooks, isolated, listener, logger, runnerId } = options;
  const { drainTimeoutMs = options.drainTimeoutMs, freePort = false } = stop;
  const startedAt = performance.now();
  admission.close();
  listener.goAway();
  if (freePort) listener.freePort();
  if (admission.inFlight > 0)
    logger.info(
      `Runner ${runnerId} is draining: it accepts no invocations and waits for ${admission.inFlight} running ones.`,
    );
  if (!(await idleWithin(admission, drainTimeoutMs))) {
    const aborted = admission.cancelAll();
    logger.warn(
      `Runner ${runnerId} aborted ${aborted} invocations that were still running after ${drainTimeoutMs} ms of draining.`,
    );
  }
  const leftMs = Math.max(0, drainTimeoutMs - (performance.now() - startedAt));
  const stopped = hooks.stop(leftMs);
  await quiet(admission);
  await listener.close(closeGraceMs);
  await Promise.all([stopped, isolated.close(0, leftMs)]);
  await flushAll(flushTimeoutMs);
};

/** Makes the function that stops a runner. Further calls return the promise of the first one. */
export const makeStop = (options: LifecycleOptions): ((stop?: OwnStopOptions) => Promise<void>) => {
  let stopping: Promise<void> | undefined;
  return (stop) => (stopping ??= drain(options, stop ?? {}));
};

const signals = ["SIGTERM", "SIGINT"] as const;

/** The runners of this process that a signal stops. */
const stoppable: Map<() => Promise<void>, LiveRunner> = new Map();
let signaled = false;

const onExit = (code: number): void => reportEarlyExit(code, stoppable.values());

const onSignal = (signal: NodeJS.Signals): void => {
  if (signaled) {
    process.off("exit", onExit);
    process.exit(1);
  }
  signaled = true;
  const stops = [...stoppable].map(([stop, { logger }]) => {
    logger.info(`${signal}: the runner drains and exits. Send the signal again to exit at once.`);
    return stop();
  });
  const [runner] = stoppable.values();
  Promise.all(stops).then(
    () => process.exit(0),
    (error: unknown) => {
      runner?.logger.error("The runner failed to stop in order.", exceptionMeta(error, makeRedactor([])));
      process.exit(1);
    },
  );
};

/**
 * Stops the runner on SIGTERM and SIGINT, and exits the process with code 0 when all of its runners have stopped. A
 * second signal exits at once with code 1.
 *
 * @returns A function that removes the runner, and with the last runner the signal handlers.
 */
export const stopOnSignals = (stop: () => Promise<void>, runner: LiveRunner): (() => void) => {
  if (stoppable.size === 0) {
    for (const signal of signals) process.on(signal, onSignal);
    process.on("exit", onExit);
  }
  stoppable.set(stop, runner);
  return () => {
    stoppable.delete(stop);
    if (stoppable.size > 0) return;
    process.off("exit", onExit);
    if (!signaled) for (const signal of signals) process.off(signal, onSignal);
  };
};

/** Warns of other handlers of the signals that stop a runner, if they appear to exit the process. */
export const checkSignalHandlers = (runner: LiveRunner): void => warnOfForeignHandlers(signals, onSignal, runner);
