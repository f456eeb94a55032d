/**
 * Records events into the metrics of the catalog. Independent of the metrics client: it calls {@link Instruments},
 * whose labels TypeScript checks against the catalog.
 */
import type { CallError } from "../contract/errors.ts";
import { type CallPhase, type metrics, phases, RPC_SYSTEM } from "./catalog.ts";
import type { BootOutcome, FlameEvent, SpanIds } from "./telemetry.ts";

export type MetricKey = keyof typeof metrics;
type KeyOfType<T> = { [K in MetricKey]: (typeof metrics)[K]["type"] extends T ? K : never }[MetricKey];
export type CounterKey = KeyOfType<"counter">;

export type HistogramKey = KeyOfType<"histogram">;
type LabelName<K extends MetricKey> = (typeof metrics)[K]["labels"][number];
/** The labels of a metric with their values. `error_type` is omitted on success. */
export type Labels<K extends MetricKey> = { readonly [L in Exclude<LabelName<K>, "error_type">]: string } & {
  readonly [L in Extract<LabelName<K>, "error_type">]?: string;
};

/** The instruments of one registry. Updates of an instrument that belongs to the other side are ignored. */
export interface Instruments {
  count<K extends CounterKey>(key: K, labels: Labels<NoInfer<K>>, by: number): void;
  /**
   * Records a value in seconds, or in the unit of the metric. If the span was chosen as an exemplar, it is attached.
   */
  observe<K extends HistogramKey>(key: K, labels: Labels<NoInfer<K>>, value: number, span?: SpanIds): void;
  /** Changes the number of calls in flight by one. */
  active(method: string, pool: string, by: 1 | -1): void;
  /** Initializes the known label values of a pool and a backend to zero. */
  knowBackend(pool: string, backend: string): void;
}

const seconds = (ms: number): number => ms / 1000;

const callLabels = (method: string, pool: string, error: CallError | undefined): Labels<"callDuration"> => {
  const labels = { rpc_system_name: RPC_SYSTEM, rpc_method: method, rpc_status_code: "OK", flame_pool_name: pool };
  return error === undefined ? labels : { ...labels, rpc_status_code: error.status, error_type: error.status };
};

const recordPhase = (to: Instruments, method: string, pool: string, phase: CallPhase, ms: number): void => {
  if (ms > 0) to.observe("phaseDuration", { rpc_method: method, flame_pool_name: pool, phase }, seconds(ms));
};

/** Boot results that end a runner, with the termination reason. */
const bootEnds: Partial<Record<BootOutcome, string>> = { timeout: "boot_timeout", canceled: "canceled" };

/** Records an event. Phases of zero duration are not observed, since they add nothing to the sum. */
export const recordEvent = (to: Instruments, event: FlameEvent): void => {
  switch (event._tag) {
    case "CallStarted":
      to.active(event.method, event.pool, 1);
      return;
    case "CallEnded": {
      const { method, pool, attempts } = event;
      to.active(method, pool, -1);
      to.observe("callDuration", callLabels(method, pool, event.error), seconds(event.durationMs), event.span);
      for (const phase of phases) recordPhase(to, method, pool, phase, event.phases[phase]);
      if (attempts > 1) to.observe("callRetries", { rpc_method: method, flame_pool_name: pool }, attempts - 1);
      return;
    }
    case "AttemptEnded": {
      const status = event.error?.status ?? "OK";
      const labels = {
        rpc_method: event.method,
        rpc_status_code: status,
        flame_pool_name: event.pool,
        attempt_kind: event.kind,
      };
      to.observe("attemptDuration", labels, seconds(event.durationMs), event.span);
      return;
    }
    case "AcquireEnded": {
      const labels = { flame_pool_name: event.pool, result: event.result, source: event.source };
      to.observe("acquireDuration", labels, seconds(event.durationMs), event.span);
      return;
    }
    case "LeaseEnded":
      to.observe("leaseDuration", { flame_pool_name: event.pool }, seconds(event.durationMs));
      return;
    case "RetryRefused":
      to.count("retriesRefused", { flame_pool_name: event.pool, reason: event.obstacle }, 1);
      return;
    case "RunnerBooting":
      to.knowBackend(event.pool, event.backend);
      return;
    case "BootEnded": {
      const labels = { flame_pool_name: event.pool, backend: event.backend, result: event.result };
      to.observe("bootDuration", labels, seconds(event.durationMs));
      const reason = bootEnds[event.result];
      if (reason !== undefined) to.count("terminations", { flame_pool_name: event.pool, reason }, 1);
      return;
    }
    case "RunnerTerminated":
      to.count("terminations", { flame_pool_name: event.pool, reason: event.reason }, 1);
      return;
    case "SignatureRejected":
      to.count("signatureRejections", { flame_pool_name: event.pool, reason: event.reason }, 1);
      return;
    case "HeartbeatRefused":
      if (event.by === "parent") to.count("heartbeatsRefused", { flame_pool_name: event.pool }, 1);
      return;
    case "ClockOffset":
      to.observe("clockOffset", { flame_pool_name: event.pool }, seconds(Math.abs(event.offsetMs)));
      return;
    case "ClockStepped": {
      const direction = event.stepMs < 0 ? "back" : "forward";
      to.count("clockSteps", { flame_pool_name: event.pool, direction }, 1);
      return;
    }
    case "RunnerSpans":
      to.count("telemetrySpans", { flame_pool_name: event.pool, outcome: event.outcome }, event.count);
      return;
    case "IdempotencyDecided":
      to.count("idempotencyRequests", { flame_pool_name: event.pool, outcome: event.outcome }, 1);
      return;
    case "ServerEnded":
      to.observe(
        "serverDuration",
        callLabels(event.method, event.pool, event.error),
        seconds(event.durationMs),
        event.span,
      );
      return;
    case "RetryScheduled":
    case "RunnerDraining":
    case "PoolSaturated":
    case "PoolScaled":
    case "IsolateTerminated":
    case "RunnerNotEnded":
    case "UserFunctionFailed":
      return;
  }
};
