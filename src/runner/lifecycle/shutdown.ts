/**
 * How a runner ends: it stops taking work, finishes what it has, aborts what does
 * not finish in time, closes its sockets and hands over its telemetry.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { maxTimerMs } from "../../contract/validation/check-number.ts";
import { flushAll } from "../../contract/process/flush.ts";
import type { Logger } from "../../contract/config/options.ts";
import { exceptionMeta } from "../../telemetry/exception.ts";
import { makeRedactor } from "../../telemetry/redaction.ts";
import type { Admission } from "../request/admission.ts";
import type { IsolateRunner } from "../isolation/isolate-runner.ts";
import type { LifecycleHooks } from "./hooks.ts";
import type { Listener } from "../http/listen.ts";

/** Options of {@link RunnerServer.stop}. */
export interface StopOptions {
  /**
   * Maximum time to wait for running calls before they are aborted, in milliseconds, from 0; `Infinity` waits for
   * all. Default: `drainTimeoutMs` of the server.
   */
  readonly drainTimeoutMs?: number;
}

/** What this package itself may ask for. */
export interface OwnStopOptions extends StopOptions {
  /** Frees the port before this returns, for a server that takes its place. */
  readonly freePort?: boolean;
}

/** How what a reload has replaced ends: its port is for the server that follows. */
export const replacedStop: OwnStopOptions = Object.freeze({ freePort: true });

export interface LifecycleOptions {
  readonly runnerId: string;
  readonly drainTimeoutMs: number;
  readonly admission: Admission;
  readonly listener: Listener;
  /** Ends with the last invocation. */
  readonly isolated: Pick<IsolateRunner, "close">;
  /** What the user wants done after the last invocation. */
  readonly hooks: Pick<LifecycleHooks, "stop">;
  readonly logger: Logger;
}

/** Milliseconds in which responses that are already made must be sent before their connections are closed. */
const closeGraceMs = 1_000;

/**
 * Connections are closed when nobody has asked for this many looks, so many milliseconds apart. A request that meets its
 * connection's end fails without its caller knowing whether it ran; one that is refused in time goes to another runner.
 * Looks are counted, not time: a process that gets no processor reads nothing meanwhile.
 */
const quietLooks = 10;
const lookEveryMs = 20;

/** Most milliseconds to wait for that: some callers never stop asking. */
const longestUnrestMs = 1_000;

/** Milliseconds that exporters get to send what they hold. */
const flushTimeoutMs = 5_000;

/** Waits until nothing runs; `false` when that took too long. */
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

/** Waits until nobody asks any more; not at all where nobody ever has. */
const quiet = async (admission: Admission): Promise<void> => {
  const giveUpAt = performance.now() + longestUnrestMs;
  let last = admission.askedAt;
  if (last === undefined) return;
  for (let looks = 0; looks < quietLooks && performance.now() < giveUpAt; looks++) {
    await sleep(lookEveryMs);
    if (admission.askedAt !== last) looks = -1;
    last = admission.askedAt;
  }
};

const drain = async (options: LifecycleOptions, stop: OwnStopOptions): Promise<void> => {
  const { admission, hooks, isolated, listener, logger, runnerId } = options;
  const { drainTimeoutMs = options.drainTimeoutMs, freePort = false } = stop;
  const startedAt = performance.now();
  admission.close();
  if (freePort) listener.freePort();
  if (admission.inFlight > 0)
    logger.info(`Runner ${runnerId} takes no new work and waits for ${admission.inFlight} running invocations.`);
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

/** Makes the function that ends a runner. Calling it again gives the first call's promise. */
export const makeStop = (options: LifecycleOptions): ((stop?: OwnStopOptions) => Promise<void>) => {
  let stopping: Promise<void> | undefined;
  return (stop) => (stopping ??= drain(options, stop ?? {}));
};

const signals = ["SIGTERM", "SIGINT"] as const;

/** The runners of this process that a signal stops, and where they log. */
const stoppable: Map<() => Promise<void>, Logger> = new Map();
let signaled = false;

const onSignal = (signal: NodeJS.Signals): void => {
  if (signaled) process.exit(1);
  signaled = true;
  const stops = [...stoppable].map(([stop, logger]) => {
    logger.info(`${signal}: the runner drains and ends. Send it again to end it at once.`);
    return stop();
  });
  const [logger] = stoppable.values();
  Promise.all(stops).then(
    () => process.exit(0),
    (error: unknown) => {
      logger?.error("The runner could not stop in order.", exceptionMeta(error, makeRedactor([])));
      process.exit(1);
    },
  );
};

/**
 * Lets SIGTERM and SIGINT stop the runner, and end the process with code 0 once all of its runners have stopped; a second
 * signal ends it at once with code 1.
 *
 * @returns takes the runner out again, and the signal handlers off with the last one.
 */
export const stopOnSignals = (stop: () => Promise<void>, logger: Logger): (() => void) => {
  if (stoppable.size === 0) for (const signal of signals) process.on(signal, onSignal);
  stoppable.set(stop, logger);
  return () => {
    stoppable.delete(stop);
    if (stoppable.size > 0 || signaled) return;
    for (const signal of signals) process.off(signal, onSignal);
  };
};
