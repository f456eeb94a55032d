/**
 * Handlers that run apart from the runner's event loop: where they may run, and
 * what must be known to do it.
 */
import { maxTimerMs, milliseconds } from "../validation/check-number.ts";
import { fileLocation } from "../validation/option-checks.ts";
import { object } from "../validation/option-schema.ts";

/**
 * Where a handler runs on its runner.
 *
 * - `none`: on the runner's event loop, with everything else.
 * - `worker`: in a worker thread. Stops JavaScript that never gives the thread back; shares the runner's process.
 * - `process`: in a child process. Stops whatever it is, native code and its own children too, and keeps its memory and its
 *   crashes away from the runner.
 */
export type Isolation = "none" | "worker" | "process";

/** What runs a handler apart. */
export type IsolateKind = Exclude<Isolation, "none">;

/** How handlers with an `isolation` are run. */
export interface IsolationOptions {
  /**
   * The module that a worker or child process imports to have the same methods as the runner: one that imports their definitions and
   * calls `flame.createRunnerServer()`. A path or a `file:` URL. Default on a runner: the module that the process was started
   * with. In local mode there is no default, and handlers run in place.
   */
  readonly entry?: string | URL;
  /** Milliseconds that a handler has to end once its signal is aborted, before it is terminated. Default 100. */
  readonly graceMs?: number;
  /** Milliseconds that a worker or child process may take to start, its `onRunnerStart` included. Default 30,000. */
  readonly bootTimeoutMs?: number;
}

/** The same, filled in. */
export interface ResolvedIsolation {
  readonly entry: string | URL | undefined;
  readonly graceMs: number;
  readonly bootTimeoutMs: number;
}

/** The checks of {@link IsolationOptions}. */
export const isolationSchema = object<IsolationOptions>({
  entry: fileLocation(),
  graceMs: milliseconds({ min: 0 }),
  bootTimeoutMs: milliseconds({ min: 1 }),
});

/** Fills in the defaults of options that were checked. */
export const resolveIsolation = ({
  entry,
  graceMs = 100,
  bootTimeoutMs = 30_000,
}: IsolationOptions = {}): ResolvedIsolation => ({
  entry,
  graceMs: Math.min(graceMs, maxTimerMs),
  bootTimeoutMs: Math.min(bootTimeoutMs, maxTimerMs),
});
