/**
 * The lifecycle of a runner: it is ready when it listens and `onRunnerStart` has finished, it stops in order, also on a
 * signal, and it exits when its parent is gone.
 */
import type { Logger } from "../../contract/config/options.ts";
import type { Environment } from "../../contract/config/resolve-config.ts";
import type { Telemetry } from "../../telemetry/telemetry.ts";
import type { Admission } from "../request/admission.ts";
import type { IsolateRunner } from "../isolation/isolate-runner.ts";
import type { LifecycleHooks } from "./hooks.ts";
import { checkSignalHandlers, makeStop, replacedStop, type StopOptions, stopOnSignals } from "./shutdown.ts";
import type { Listener } from "../http/listen.ts";
import { readStop, type ResolvedRunnerOptions } from "../options.ts";
import { HeartbeatTimeout } from "./heartbeat-timeout.ts";
import type { RejectionLog } from "../request/rejection-log.ts";
import { superviseRunner } from "./supervision.ts";

export interface LifecycleDeps {
  readonly options: ResolvedRunnerOptions;
  readonly admission: Admission;
  readonly listener: Listener;
  readonly isolated: IsolateRunner;
  readonly hooks: LifecycleHooks;
  readonly rejections: RejectionLog;
  readonly telemetry: Telemetry;
  readonly logger: Logger;
  readonly env: Environment;
  /** Must settle before the runner is ready. */
  readonly loading?: Promise<unknown> | undefined;
}

export interface Lifecycle {
  readonly ready: Promise<void>;
  stop(options?: StopOptions): Promise<void>;
  /** A verified request has arrived: the parent is alive. */
  onHeartbeat(): void;
}

/** Drain timeout after the parent is gone, in milliseconds. No caller waits for the results. */
const orphanDrainMs = 1_000;

/** Starts the lifecycle as soon as the listener listens. */
export const startLifecycle = (deps: LifecycleDeps): Lifecycle => {
  const { options, admission, listener, isolated, hooks, rejections, telemetry, logger, env } = deps;
  const { runnerId, poolName, drainTimeoutMs, orphanTimeoutMs } = options;
  const drain = makeStop({ runnerId, drainTimeoutMs, admission, listener, isolated, hooks, logger });
  let stopped = false;
  let heartbeatTimeout: HeartbeatTimeout | undefined;
  let forgetSignals = (): void => {};
  let stopSupervision = (): void => {};

  const stop = async (stopOptions: StopOptions = {}): Promise<void> => {
    const checked = stopOptions === replacedStop ? replacedStop : readStop(stopOptions);
    stopped = true;
    heartbeatTimeout?.stop();
    await drain(checked);
    forgetSignals();
    stopSupervision();
  };
  const live = { runnerId, logger, inFlight: () => admission.inFlight };
  if (options.handleSignals) forgetSignals = stopOnSignals(stop, live);

  const orphaned = (detail: string): void => {
    telemetry.emit({ _tag: "RunnerDraining", pool: poolName, runnerId, reason: "orphaned", detail });
    void stop({ drainTimeoutMs: Math.min(drainTimeoutMs, orphanDrainMs) }).finally(() => process.exit(0));
  };

  const start = async (): Promise<void> => {
    if (stopped) return;
    const { url, port } = listener;
    const onParentGone = (): void => orphaned("the process that started it has exited");
    const supervision = superviseRunner({ url, port, runnerId, env, onParentGone });
    stopSupervision = supervision.stop;
    if (hooks.hasStart) supervision.starting("onRunnerStart");
    const starting = hooks.start();
    if (starting !== undefined) {
      try {
        await starting;
      } catch (error) {
        if (stopped) return;
        supervision.failed("onRunnerStart", (error as Error).cause);
        logger.error((error as Error).message, { error });
        await stop({ drainTimeoutMs: 0 });
        throw error;
      }
      if (stopped) return;
    }
    if (options.handleSignals) checkSignalHandlers(live);
    admission.open();
    if (orphanTimeoutMs !== undefined) {
      heartbeatTimeout = new HeartbeatTimeout({
        timeoutMs: orphanTimeoutMs,
        busy: () => admission.inFlight > 0,
        onOrphaned: () => {
          const refused = rejections.explainSilence();
          const silence = `no heartbeat from its parent within ${orphanTimeoutMs} ms`;
          orphaned(refused === undefined ? silence : `${silence}; ${refused}`);
        },
      });
    }
    supervision.ready(hooks.startMs === undefined ? undefined : { on_runner_start: hooks.startMs });
  };

  return {
    ready: Promise.all([listener.ready, deps.loading]).then(start),
    stop,
    onHeartbeat: () => heartbeatTimeout?.onHeartbeat(),
  };
};
