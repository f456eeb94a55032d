/** Every metric, with its unit, labels and buckets. */

/** Upper bounds of histogram buckets, in seconds. */
const coarse = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 120, 300] as const;
const fine = [0.0005, 0.001, 0.0025, ...coarse] as const;
/** For histograms with several series per method. */
const sparse = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 30, 120] as const;

/** A metric. */
export interface MetricSpec {
  /** The Prometheus name. The OTLP name is the same under the default translation. */
  readonly name: string;
  /** The kind of instrument. */
  readonly type: "counter" | "gauge" | "histogram";
  /** The unit, in UCUM notation. */
  readonly unit: "s" | "1" | "{call}" | "{retry}" | "{runner}" | "{slot}" | "{span}" | "{rejection}" | "{step}";
  /** The labels of each series. */
  readonly labels: ReadonlyArray<string>;
  /** What it measures. */
  readonly description: string;
  /** Upper bounds of the buckets of a histogram, in its unit. */
  readonly buckets?: ReadonlyArray<number>;
  /** Whether `telemetry.buckets` of an instance replaces the buckets; rules and alerts do not read such histograms. */
  readonly ownBuckets?: boolean;
  /** Whether observations carry `trace_id` and `span_id`. */
  readonly exemplars?: boolean;
  /** Label values that exist from the start, with the value zero. */
  readonly known?: Readonly<Record<string, ReadonlyArray<string>>>;
  /** Combinations of known label values that never occur and have no series. */
  readonly impossible?: ReadonlyArray<Readonly<Record<string, string>>>;
  /** The process that keeps it. */
  readonly side: "parent" | "runner" | "both";
}

/** All metrics, by the key that the code uses. */
export const metrics = {
  callDuration: {
    name: "rpc_client_call_duration_seconds",
    type: "histogram",
    unit: "s",
    buckets: coarse,
    ownBuckets: true,
    exemplars: true,
    side: "parent",
    labels: ["rpc_system_name", "rpc_method", "rpc_status_code", "error_type", "flame_pool_name"],
    description: "Duration of calls, including all attempts and waiting.",
  },
  attemptDuration: {
    name: "flame_client_attempt_duration_seconds",
    type: "histogram",
    unit: "s",
    buckets: sparse,
    ownBuckets: true,
    exemplars: true,
    side: "parent",
    labels: ["rpc_method", "rpc_status_code", "flame_pool_name", "attempt_kind"],
    description: "Duration of single attempts.",
  },
  callRetries: {
    name: "flame_client_call_retries",
    type: "histogram",
    unit: "{retry}",
    buckets: [1, 2, 3, 4, 5],
    side: "parent",
    labels: ["rpc_method", "flame_pool_name"],
    description: "Number of retries and hedges per call. Calls with a single attempt are not observed.",
  },
  retriesRefused: {
    name: "flame_client_retries_refused_total",
    type: "counter",
    unit: "{retry}",
    side: "parent",
    labels: ["flame_pool_name", "reason"],
    known: { reason: ["budget", "condition", "deadline", "max_attempts"] },
    description: "Retries and hedges that were not made although the options of the call allow them, by reason.",
  },
  phaseDuration: {
    name: "flame_invocation_phase_duration_seconds",
    type: "histogram",
    unit: "s",
    buckets: sparse,
    ownBuckets: true,
    side: "parent",
    labels: ["rpc_method", "flame_pool_name", "phase"],
    description: "Time that calls spent in each phase. The phases of a call sum to its duration.",
  },
  active: {
    name: "flame_invocation_active",
    type: "gauge",
    unit: "{call}",
    side: "parent",
    labels: ["rpc_method", "flame_pool_name"],
    description: "Calls in flight.",
  },
  acquireDuration: {
    name: "flame_pool_acquire_duration_seconds",
    type: "histogram",
    unit: "s",
    buckets: fine,
    exemplars: true,
    side: "parent",
    labels: ["flame_pool_name", "result", "source"],
    known: { result: ["acquired", "timeout", "canceled", "rejected"], source: ["warm", "queued", "cold"] },
    impossible: [
      { result: "timeout", source: "warm" },
      { result: "canceled", source: "warm" },
    ],
    description: "Time to acquire a slot on a runner.",
  },
  leaseDuration: {
    name: "flame_pool_lease_duration_seconds",
    type: "histogram",
    unit: "s",
    buckets: coarse,
    side: "parent",
    labels: ["flame_pool_name"],
    description: "Time that slots were held.",
  },
  pending: {
    name: "flame_pool_pending_requests",
    type: "gauge",
    unit: "{call}",
    side: "parent",
    labels: ["flame_pool_name"],
    description: "Calls waiting for a slot.",
  },
  runners: {
    name: "flame_pool_runners",
    type: "gauge",
    unit: "{runner}",
    side: "parent",
    labels: ["flame_pool_name", "state"],
    known: { state: ["booting", "idle", "busy", "draining", "ejected"] },
    description: "Runners by state.",
  },
  slotsUsed: {
    name: "flame_pool_slots_used",
    type: "gauge",
    unit: "{slot}",
    side: "parent",
    labels: ["flame_pool_name"],
    description: "Slots in use.",
  },
  slotsProvisioned: {
    name: "flame_pool_slots_provisioned",
    type: "gauge",
    unit: "{slot}",
    side: "parent",
    labels: ["flame_pool_name"],
    description: "Slots on running runners. Used / provisioned is utilization.",
  },
  slotsLimit: {
    name: "flame_pool_slots_limit",
    type: "gauge",
    unit: "{slot}",
    side: "parent",
    labels: ["flame_pool_name"],
    description: "Slots at the pool's maximum size. Used / limit is saturation.",
  },
  slotBusy: {
    name: "flame_pool_slot_busy_seconds_total",
    type: "counter",
    unit: "s",
    side: "parent",
    labels: ["flame_pool_name"],
    description:
      "Slot-seconds spent on calls. Its rate over the rate of available seconds is utilization without sampling error.",
  },
  slotAvailable: {
    name: "flame_pool_slot_available_seconds_total",
    type: "counter",
    unit: "s",
    side: "parent",
    labels: ["flame_pool_name"],
    description: "Slot-seconds offered by running runners.",
  },
  bootDuration: {
    name: "flame_runner_boot_duration_seconds",
    type: "histogram",
    unit: "s",
    buckets: coarse,
    side: "parent",
    labels: ["flame_pool_name", "backend", "result"],
    known: { result: ["ok", "error", "timeout", "canceled"] },
    description:
      "Duration of runner boots, by result. `canceled` is not a failure: the runner was no longer needed, or the pool was shut down.",
  },
  terminations: {
    name: "flame_runner_terminations_total",
    type: "counter",
    unit: "{runner}",
    side: "parent",
    labels: ["flame_pool_name", "reason"],
    known: { reason: ["idle", "drain", "crash", "boot_timeout", "canceled", "unhealthy", "recycled"] },
    description: "Runners that ended, by reason. `boot_timeout` and `canceled` ended before they were ready.",
  },
  signatureRejections: {
    name: "flame_signature_rejections_total",
    type: "counter",
    unit: "{rejection}",
    side: "both",
    labels: ["flame_pool_name", "reason"],
    known: { reason: ["expired", "mismatch", "replay", "unknown_key", "malformed", "instance"] },
    description:
      "Requests that a runner rejected, and responses that a parent rejected, because of their signature. `instance`: signed for another process of the runner, as after a restart. The parent signs and sends such a request again.",
  },
  heartbeatsRefused: {
    name: "flame_heartbeats_refused_total",
    type: "counter",
    unit: "{rejection}",
    side: "parent",
    labels: ["flame_pool_name"],
    description: "Heartbeats of this parent that a runner refused. A runner that accepts none exits.",
  },
  clockOffset: {
    name: "flame_runner_clock_offset_seconds",
    type: "histogram",
    unit: "s",
    buckets: fine,
    side: "parent",
    labels: ["flame_pool_name"],
    description: "Absolute difference between the clocks of parent and runner.",
  },
  clockSteps: {
    name: "flame_clock_steps_total",
    type: "counter",
    unit: "{step}",
    side: "both",
    labels: ["flame_pool_name", "direction"],
    known: { direction: ["back", "forward"] },
    description:
      "Number of times that the system clock of a parent or a runner jumped by a second or more. Calls are not affected, because deadlines use monotonic clocks.",
  },
  telemetrySpans: {
    name: "flame_telemetry_spans_total",
    type: "counter",
    unit: "{span}",
    side: "parent",
    labels: ["flame_pool_name", "outcome"],
    known: { outcome: ["reported", "lost"] },
    description:
      "Spans that runners recorded for the pool's calls, each counted once. `reported`: the runner confirmed the export, in a signed response or at shutdown. `lost`: the export failed, or the runner ended without a confirmation.",
  },
  idempotencyRequests: {
    name: "flame_idempotency_requests_total",
    type: "counter",
    unit: "{call}",
    side: "runner",
    labels: ["flame_pool_name", "outcome"],
    description:
      "Requests with an idempotency key, by outcome: `executed`, `joined`, `replayed`, `conflict` or `unavailable`, as in `flame.idempotency.outcome`.",
  },
  serverDuration: {
    name: "rpc_server_call_duration_seconds",
    type: "histogram",
    unit: "s",
    buckets: coarse,
    ownBuckets: true,
    side: "runner",
    labels: ["rpc_system_name", "rpc_method", "rpc_status_code", "error_type", "flame_pool_name"],
    description: "Duration of calls on the runner, for runners that live long enough to be scraped.",
  },
} as const satisfies Record<string, MetricSpec>;
