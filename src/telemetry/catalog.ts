/**
 * Every span, metric, attribute and log event of Firelight, once. Instruments,
 * spans, documentation, dashboards and tests are made from this page; a name
 * that is not here does not exist.
 */

/** An attribute of spans and log records. Metric labels are the same names with dots as underscores. */
export interface AttributeSpec {
  readonly name: string;
  readonly type: "string" | "int" | "double" | "boolean";
  readonly unit?: string;
  readonly description: string;
}

const attribute = (name: string, type: AttributeSpec["type"], description: string, unit?: string): AttributeSpec =>
  unit === undefined ? { name, type, description } : { name, type, unit, description };

/** Attributes by the name under which the house hands them over. */
export const attributes = {
  system: attribute("rpc.system.name", "string", "Always `flame`."),
  method: attribute("rpc.method", "string", "`service/method`; `_OTHER` for a method that is not registered."),
  status: attribute("rpc.status_code", "string", "Outcome, as a gRPC status name."),
  errorType: attribute("error.type", "string", "Only on failure: the status name of the failure."),
  errorCode: attribute("flame.error.code", "string", "Only on failure: Firelight's own error code."),
  errorPhase: attribute("flame.error.phase", "string", "Only on failure: the phase in which the call ended."),
  executed: attribute("flame.error.executed", "string", "Only on failure: whether the handler ran (`no`, `unknown`, `yes`)."),
  pool: attribute("flame.pool.name", "string", "The pool that ran the call."),
  invocationId: attribute("flame.invocation.id", "string", "One id for all attempts of a call."),
  idempotencyKey: attribute("flame.idempotency_key.present", "boolean", "Whether the call carried an idempotency key; the key itself is never recorded."),
  attemptCount: attribute("flame.attempt.count", "int", "Attempts that the call took."),
  attempt: attribute("flame.attempt.number", "int", "Number of this attempt, from 1."),
  attemptKind: attribute("flame.attempt.kind", "string", "`first`, `retry` or `hedge`."),
  retryReason: attribute("flame.retry.reason", "string", "Why this attempt follows another: the error code and what is known of execution."),
  retryDelayMs: attribute("flame.retry.delay_ms", "double", "Backoff before the next attempt.", "ms"),
  nextAttempt: attribute("flame.retry.next_attempt", "int", "Number of the attempt after the backoff."),
  coldStart: attribute("flame.cold_start", "boolean", "Whether the call waited for a runner to boot (parent), or is a runner's first (runner)."),
  deadlineMs: attribute("flame.deadline_ms", "double", "What the call was allowed at its start.", "ms"),
  acquireResult: attribute("flame.acquire.result", "string", "`acquired`, `timeout`, `canceled` or `rejected`."),
  acquireSource: attribute("flame.acquire.source", "string", "`warm`: a slot was free. `queued`: a busy runner became free. `cold`: a runner was booted."),
  queueDepth: attribute("flame.pool.queue_depth", "int", "Calls already waiting when this one entered."),
  slotLimit: attribute("flame.pool.slot_limit", "int", "Most invocations that the pool can run at a time."),
  runnerId: attribute("flame.runner.id", "string", "The runner; the audience of its requests."),
  backend: attribute("flame.runner.backend", "string", "The backend that started the runner."),
  serverAddress: attribute("server.address", "string", "Host of the runner."),
  serverPort: attribute("server.port", "int", "Port of the runner."),
  requestBytes: attribute("flame.request.body.size", "int", "Encoded arguments.", "By"),
  responseBytes: attribute("flame.response.body.size", "int", "Encoded result.", "By"),
  clockOffsetMs: attribute("flame.clock.offset_ms", "double", "The runner's clock less the parent's, measured over four timestamps. Recorded, never applied.", "ms"),
  bootPhase: attribute("flame.boot.phase_ms", "double", "Duration of one step of a boot; the step's name follows, as in `flame.boot.phase_ms.ready`.", "ms"),
  terminationReason: attribute("flame.runner.termination.reason", "string", "`idle`, `drain`, `crash`, `boot_timeout`, `unhealthy` or `recycled`."),
  instanceId: attribute("service.instance.id", "string", "Resource of a runner: its id."),
  phaseAcquireMs: attribute("flame.phase.acquire_ms", "double", "Getting a slot on a runner.", "ms"),
  phaseEncodeMs: attribute("flame.phase.encode_ms", "double", "Encoding the arguments and signing.", "ms"),
  phaseNetworkMs: attribute("flame.phase.network_ms", "double", "On the wire and in both HTTP stacks.", "ms"),
  phaseRunnerQueueMs: attribute("flame.phase.runner_queue_ms", "double", "On the runner, around the handler: reading, verifying, decoding, encoding.", "ms"),
  phaseHandlerMs: attribute("flame.phase.handler_ms", "double", "In the handler.", "ms"),
  phaseDecodeMs: attribute("flame.phase.decode_ms", "double", "Verifying and decoding the response.", "ms"),
  phaseBackoffMs: attribute("flame.phase.backoff_ms", "double", "Waiting between attempts.", "ms"),
  phaseOtherMs: attribute("flame.phase.other_ms", "double", "What no phase explains.", "ms"),
  eventName: attribute("event.name", "string", "Log records only: the name of the event."),
  traceId: attribute("trace_id", "string", "Log records and exemplars only: the trace."),
  spanId: attribute("span_id", "string", "Log records and exemplars only: the span."),
  exceptionType: attribute("exception.type", "string", "Log records only: the class of what was thrown."),
  exceptionMessage: attribute("exception.message", "string", "Log records only: its message, without secrets and capped."),
  exceptionStack: attribute("exception.stacktrace", "string", "Log records only: its stack, without secrets and capped."),
  durationMs: attribute("flame.duration_ms", "double", "Log records only: how long it took.", "ms"),
  reason: attribute("flame.reason", "string", "Log records only: why it happened."),
} satisfies Record<string, AttributeSpec>;

/** Attributes by key, to be recorded on a span or log record. */
export type Facts = { readonly [K in keyof typeof attributes]?: string | number | boolean | undefined };

/** The phases of a call; their sum is its duration. */
export const phases = ["acquire", "encode", "network", "runner_queue", "handler", "decode", "backoff", "other"] as const;
export type CallPhase = (typeof phases)[number];
/** Milliseconds by phase. */
export type PhaseTimes = Record<CallPhase, number>;

/** A span. Where `name` is a method, the span is named after it. */
export interface SpanSpec {
  readonly name: string;
  readonly kind: "client" | "server" | "internal";
  readonly description: string;
  readonly attributes: ReadonlyArray<keyof typeof attributes>;
}

const failure = ["errorType", "errorCode", "errorPhase", "executed"] as const;

export const spans = {
  call: {
    name: "{rpc.method}",
    kind: "client",
    description: "The logical call, as its caller sees it: all attempts and all waiting.",
    attributes: [
      "system", "method", "status", "pool", "invocationId", "idempotencyKey", "attemptCount", "coldStart", "deadlineMs",
      "acquireSource", "queueDepth", "slotLimit",
      "phaseAcquireMs", "phaseEncodeMs", "phaseNetworkMs", "phaseRunnerQueueMs", "phaseHandlerMs", "phaseDecodeMs", "phaseBackoffMs", "phaseOtherMs",
      ...failure,
    ],
  },
  acquire: {
    name: "flame.pool.acquire",
    kind: "internal",
    description: "Waiting for a slot. Absent when a slot was free at once. Links to the boot that it waited for.",
    attributes: ["pool", "acquireResult", "acquireSource", "queueDepth", "slotLimit", "runnerId", ...failure],
  },
  boot: {
    name: "flame.runner.boot",
    kind: "internal",
    description: "Starting a runner: a trace of its own, linked to the call that asked for it.",
    attributes: ["pool", "backend", "runnerId", "bootPhase", ...failure],
  },
  attempt: {
    name: "flame.attempt",
    kind: "client",
    description: "One request to one runner. Its context is what travels to the runner.",
    attributes: [
      "method", "status", "pool", "attempt", "attemptKind", "runnerId", "serverAddress", "serverPort", "retryReason",
      "requestBytes", "responseBytes", "clockOffsetMs", ...failure,
    ],
  },
  backoff: {
    name: "flame.retry.backoff",
    kind: "internal",
    description: "Waiting before the next attempt.",
    attributes: ["retryDelayMs", "nextAttempt", "retryReason"],
  },
  server: {
    name: "{rpc.method}",
    kind: "server",
    description: "The invocation on the runner; a child of the attempt that carried it.",
    attributes: ["system", "method", "status", "pool", "runnerId", "invocationId", "attempt", "coldStart", "clockOffsetMs", ...failure],
  },
  handler: {
    name: "flame.handler",
    kind: "internal",
    description: "The user's code. The active span inside the handler.",
    attributes: ["method", "requestBytes", "responseBytes", ...failure],
  },
} satisfies Record<string, SpanSpec>;

/** Upper bounds of histogram buckets, in seconds. */
const coarse = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 120, 300] as const;
const fine = [0.0005, 0.001, 0.0025, ...coarse] as const;

export interface MetricSpec {
  /** Prometheus name; the OTLP name is the same under the default translation. */
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly unit: "s" | "1" | "{call}" | "{retry}" | "{runner}" | "{slot}" | "{span}" | "{rejection}";
  readonly labels: ReadonlyArray<string>;
  readonly description: string;
  readonly buckets?: ReadonlyArray<number>;
  /** Observations carry `trace_id` and `span_id`. */
  readonly exemplars?: boolean;
  /** Label values that exist from the start, at zero. */
  readonly known?: Readonly<Record<string, ReadonlyArray<string>>>;
  /** Which side keeps it. */
  readonly side: "parent" | "runner" | "both";
}

export const metrics = {
  callDuration: {
    name: "rpc_client_call_duration_seconds", type: "histogram", unit: "s", buckets: coarse, exemplars: true, side: "parent",
    labels: ["rpc_system_name", "rpc_method", "rpc_status_code", "error_type", "flame_pool_name"],
    description: "Duration of logical calls, all attempts and waiting included.",
  },
  attemptDuration: {
    name: "flame_client_attempt_duration_seconds", type: "histogram", unit: "s", buckets: coarse, exemplars: true, side: "parent",
    labels: ["rpc_method", "rpc_status_code", "flame_pool_name", "attempt_kind"],
    description: "Duration of single attempts.",
  },
  callRetries: {
    name: "flame_client_call_retries", type: "histogram", unit: "{retry}", buckets: [1, 2, 3, 4, 5], side: "parent",
    labels: ["rpc_method", "flame_pool_name"],
    description: "Retries of calls that were retried; calls without a retry are not observed.",
  },
  phaseDuration: {
    name: "flame_invocation_phase_duration_seconds", type: "histogram", unit: "s", buckets: fine, side: "parent",
    labels: ["rpc_method", "flame_pool_name", "phase"],
    description: "Where the time of calls went. The phases of a call sum to its duration.",
  },
  active: {
    name: "flame_invocation_active", type: "gauge", unit: "{call}", side: "parent",
    labels: ["rpc_method", "flame_pool_name"],
    description: "Calls in flight.",
  },
  acquireDuration: {
    name: "flame_pool_acquire_duration_seconds", type: "histogram", unit: "s", buckets: fine, exemplars: true, side: "parent",
    labels: ["flame_pool_name", "result", "source"],
    known: { result: ["acquired", "timeout", "canceled", "rejected"], source: ["warm", "queued", "cold"] },
    description: "How long it took to get a slot on a runner.",
  },
  leaseDuration: {
    name: "flame_pool_lease_duration_seconds", type: "histogram", unit: "s", buckets: coarse, side: "parent",
    labels: ["flame_pool_name"],
    description: "How long slots were held.",
  },
  pending: {
    name: "flame_pool_pending_requests", type: "gauge", unit: "{call}", side: "parent",
    labels: ["flame_pool_name"],
    description: "Calls waiting for a slot.",
  },
  runners: {
    name: "flame_pool_runners", type: "gauge", unit: "{runner}", side: "parent",
    labels: ["flame_pool_name", "state"],
    known: { state: ["booting", "idle", "busy", "draining", "ejected"] },
    description: "Runners by state.",
  },
  slotsUsed: {
    name: "flame_pool_slots_used", type: "gauge", unit: "{slot}", side: "parent", labels: ["flame_pool_name"],
    description: "Slots that calls hold now.",
  },
  slotsProvisioned: {
    name: "flame_pool_slots_provisioned", type: "gauge", unit: "{slot}", side: "parent", labels: ["flame_pool_name"],
    description: "Slots on runners that are up. Used / provisioned is utilization.",
  },
  slotsLimit: {
    name: "flame_pool_slots_limit", type: "gauge", unit: "{slot}", side: "parent", labels: ["flame_pool_name"],
    description: "Slots that the pool may grow to. Used / limit is saturation.",
  },
  slotBusy: {
    name: "flame_pool_slot_busy_seconds_total", type: "counter", unit: "s", side: "parent", labels: ["flame_pool_name"],
    description: "Slot-seconds spent on calls. Its rate over the rate of available seconds is utilization without sampling error.",
  },
  slotAvailable: {
    name: "flame_pool_slot_available_seconds_total", type: "counter", unit: "s", side: "parent", labels: ["flame_pool_name"],
    description: "Slot-seconds offered by runners that were up.",
  },
  bootDuration: {
    name: "flame_runner_boot_duration_seconds", type: "histogram", unit: "s", buckets: coarse, side: "parent",
    labels: ["flame_pool_name", "backend", "result"],
    known: { result: ["ok", "error", "timeout"] },
    description: "How long runners took to boot.",
  },
  terminations: {
    name: "flame_runner_terminations_total", type: "counter", unit: "{runner}", side: "parent",
    labels: ["flame_pool_name", "reason"],
    known: { reason: ["idle", "drain", "crash", "boot_timeout", "unhealthy", "recycled"] },
    description: "Runners that ended, by reason.",
  },
  signatureRejections: {
    name: "flame_signature_rejections_total", type: "counter", unit: "{rejection}", side: "both",
    labels: ["flame_pool_name", "reason"],
    known: { reason: ["expired", "mismatch", "replay", "unknown_key", "malformed"] },
    description: "Requests that a runner refused, and responses that a parent refused, for their signature.",
  },
  clockOffset: {
    name: "flame_runner_clock_offset_seconds", type: "histogram", unit: "s", buckets: fine, side: "parent",
    labels: ["flame_pool_name"],
    description: "Absolute difference of the clocks of parent and runner.",
  },
  telemetrySpans: {
    name: "flame_telemetry_spans_total", type: "counter", unit: "{span}", side: "parent",
    labels: ["flame_pool_name", "outcome"],
    known: { outcome: ["reported", "lost"] },
    description: "Runner spans that a signed response vouched for, and those that died with their runner.",
  },
  serverDuration: {
    name: "rpc_server_call_duration_seconds", type: "histogram", unit: "s", buckets: coarse, side: "runner",
    labels: ["rpc_system_name", "rpc_method", "rpc_status_code", "error_type", "flame_pool_name"],
    description: "Duration of invocations on the runner, for runners that live long enough to be scraped.",
  },
} as const satisfies Record<string, MetricSpec>;

/** A structured log record. */
export interface LogSpec {
  readonly name: string;
  readonly level: "debug" | "info" | "warn" | "error";
  readonly description: string;
}

export const logs = {
  clientException: { name: "rpc.client.call.exception", level: "warn", description: "A call failed for its caller." },
  serverException: { name: "rpc.server.call.exception", level: "error", description: "A handler failed on the runner." },
  retry: { name: "flame.retry.scheduled", level: "info", description: "A call is tried again, and why." },
  runnerBooting: { name: "flame.runner.booting", level: "debug", description: "A runner is being started." },
  runnerReady: { name: "flame.runner.ready", level: "info", description: "A runner is up." },
  runnerBootFailed: { name: "flame.runner.boot_failed", level: "error", description: "A runner did not come up." },
  runnerDraining: { name: "flame.runner.draining", level: "info", description: "A runner takes no new work and finishes what it has." },
  runnerLost: { name: "flame.runner.lost", level: "warn", description: "A runner ended without being asked to." },
  runnerTerminated: { name: "flame.runner.terminated", level: "info", description: "A runner was stopped." },
  poolSaturated: { name: "flame.pool.saturated", level: "warn", description: "Every slot that the pool may have is in use and calls wait." },
  poolScaled: { name: "flame.pool.scaled", level: "info", description: "The pool started or stopped runners, and why." },
  signatureRejected: { name: "flame.signature.rejected", level: "warn", description: "A request or response was refused for its signature." },
} satisfies Record<string, LogSpec>;

/** The label of methods that are not registered: it keeps cardinality bounded. */
export const OTHER_METHOD = "_OTHER";

/** The value of `rpc.system.name`. */
export const RPC_SYSTEM = "flame";
