/** Every attribute of spans and log records, and the fixed values. */

/** An attribute of spans and log records. Metric labels have the same names, with underscores for dots. */
export interface AttributeSpec {
  /** The attribute's name. */
  readonly name: string;
  /** The type of its values. */
  readonly type: "string" | "int" | "double" | "boolean";
  /** The unit, in UCUM notation. Default: none. */
  readonly unit?: string;
  /** What it means. */
  readonly description: string;
}

const attribute = (name: string, type: AttributeSpec["type"], description: string, unit?: string): AttributeSpec =>
  unit === undefined ? { name, type, description } : { name, type, unit, description };

/** All attributes, by the key that the code uses. */
export const attributes = {
  system: attribute("rpc.system.name", "string", "Always `flame`."),
  method: attribute("rpc.method", "string", "`service/method`; `_OTHER` for a method that is not registered."),
  status: attribute("rpc.status_code", "string", "The outcome, as a gRPC status name."),
  errorType: attribute("error.type", "string", "Only on failure: the status name of the failure."),
  errorCode: attribute("flame.error.code", "string", "Only on failure: Firelight's own error code."),
  errorPhase: attribute("flame.error.phase", "string", "Only on failure: the phase in which the call ended."),
  executed: attribute(
    "flame.error.executed",
    "string",
    "Only on failure: whether the handler ran (`no`, `unknown`, `yes`).",
  ),
  pool: attribute("flame.pool.name", "string", "The pool that ran the call."),
  invocationId: attribute("flame.invocation.id", "string", "The id of the call, shared by all its attempts."),
  idempotencyKey: attribute(
    "flame.idempotency_key.present",
    "boolean",
    "Whether the call carried an idempotency key; the key itself is never recorded.",
  ),
  detached: attribute(
    "flame.detached",
    "boolean",
    "Only on detached calls: the handler continues when the caller goes away.",
  ),
  idempotencyOutcome: attribute(
    "flame.idempotency.outcome",
    "string",
    "Only with an idempotency key. `executed`: this request ran the handler. `joined`: it waited for an execution already running. `replayed`: it got a stored result. `conflict`: the key belongs to different arguments. `unavailable`: the store did not respond.",
  ),
  attemptCount: attribute("flame.attempt.count", "int", "Number of attempts that the call made."),
  attempt: attribute("flame.attempt.number", "int", "The number of this attempt, starting at 1."),
  attemptKind: attribute("flame.attempt.kind", "string", "`first`, `retry` or `hedge`."),
  retryReason: attribute(
    "flame.retry.reason",
    "string",
    "Why this attempt was made. For a retry: the error code and whether the handler ran. For a hedge: how long there was no response.",
  ),
  retryRefused: attribute(
    "flame.retry.refused",
    "string",
    "Why a failed call was not retried although its options allow it: `budget` (of the pool), `deadline`, `max_attempts` or `condition` (`retry.on`).",
  ),
  retryDelayMs: attribute("flame.retry.delay_ms", "double", "Backoff before the next attempt.", "ms"),
  nextAttempt: attribute("flame.retry.next_attempt", "int", "The number of the attempt after the backoff."),
  mapItems: attribute("flame.map.items", "int", "Number of items that the map called the method for."),
  mapConcurrency: attribute("flame.map.concurrency", "int", "Maximum number of concurrent calls of the map."),
  mapFailed: attribute(
    "flame.map.failed",
    "int",
    "Number of items whose call failed, without those canceled with the map.",
  ),
  coldStart: attribute(
    "flame.cold_start",
    "boolean",
    "On the parent: whether the call waited for a runner to boot. On the runner: whether it is the runner's first call.",
  ),
  exemplar: attribute(
    "flame.exemplar",
    "boolean",
    "Only on spans that a histogram exemplar points to. A tail sampler should keep their traces.",
  ),
  deadlineMs: attribute("flame.deadline_ms", "double", "The time the call had left when it started.", "ms"),
  isolation: attribute("flame.isolation", "string", "Only for isolated handlers: `worker` or `process`."),
  acquireResult: attribute("flame.acquire.result", "string", "`acquired`, `timeout`, `canceled` or `rejected`."),
  acquireSource: attribute(
    "flame.acquire.source",
    "string",
    "`warm`: a slot was free. `queued`: the call waited for a busy runner. `cold`: the call waited for a runner to boot.",
  ),
  queueDepth: attribute(
    "flame.pool.queue_depth",
    "int",
    "Number of calls that were already waiting when this one started to wait.",
  ),
  slotLimit: attribute("flame.pool.slot_limit", "int", "Maximum number of calls that the pool can run at a time."),
  runnerId: attribute("flame.runner.id", "string", "The id of the runner."),
  backend: attribute("flame.runner.backend", "string", "The backend that started the runner."),
  serverAddress: attribute("server.address", "string", "Host of the runner."),
  serverPort: attribute("server.port", "int", "Port of the runner."),
  requestBytes: attribute("flame.request.body.size", "int", "Size of the encoded arguments.", "By"),
  responseBytes: attribute("flame.response.body.size", "int", "Size of the encoded result.", "By"),
  clockOffsetMs: attribute(
    "flame.clock.offset_ms",
    "double",
    "The runner's clock minus the parent's, computed from four timestamps. Only recorded; timestamps are not adjusted.",
    "ms",
  ),
  clockStepMs: attribute(
    "flame.clock.step_ms",
    "double",
    "The size of the system clock's step; negative for backward.",
    "ms",
  ),
  bootPhase: attribute(
    "flame.boot.phase_ms",
    "double",
    "Duration of one step of a boot. The name of the step is appended, as in `flame.boot.phase_ms.ready`.",
    "ms",
  ),
  terminationReason: attribute(
    "flame.runner.termination.reason",
    "string",
    "`idle`, `drain`, `crash`, `boot_timeout`, `canceled`, `unhealthy` or `recycled`; `orphaned` if the runner reports that its parent is gone.",
  ),
  instanceId: attribute("service.instance.id", "string", "Resource attribute of a runner: its id."),
  phaseAcquireMs: attribute("flame.phase.acquire_ms", "double", "Time to acquire a slot on a runner.", "ms"),
  phaseEncodeMs: attribute("flame.phase.encode_ms", "double", "Time to encode and sign the request.", "ms"),
  phaseNetworkMs: attribute("flame.phase.network_ms", "double", "Time on the network and in both HTTP stacks.", "ms"),
  phaseRunnerQueueMs: attribute(
    "flame.phase.runner_queue_ms",
    "double",
    "Time on the runner outside of the handler: reading, verifying, decoding, encoding.",
    "ms",
  ),
  phaseHandlerMs: attribute("flame.phase.handler_ms", "double", "Time in the handler.", "ms"),
  phaseDecodeMs: attribute("flame.phase.decode_ms", "double", "Time to verify and decode the response.", "ms"),
  phaseBackoffMs: attribute("flame.phase.backoff_ms", "double", "Time between attempts.", "ms"),
  phaseOtherMs: attribute("flame.phase.other_ms", "double", "Time that belongs to no other phase.", "ms"),
  eventName: attribute("event.name", "string", "Log records only: the name of the event."),
  traceId: attribute("trace_id", "string", "Log records and exemplars only: the trace id."),
  spanId: attribute("span_id", "string", "Log records and exemplars only: the span id."),
  traceFlags: attribute(
    "trace_flags",
    "string",
    "Log records only: `00` if the span is not sampled. Over OTLP, these are the flags of the record.",
  ),
  exceptionType: attribute("exception.type", "string", "Log records only: the class of the error."),
  exceptionMessage: attribute(
    "exception.message",
    "string",
    "Log records only: the message of the error, redacted and capped.",
  ),
  exceptionCode: attribute(
    "flame.exception.code",
    "string",
    "Log records only: the error's own code, such as `ECONNREFUSED`, if it has one.",
  ),
  exceptionStack: attribute(
    "exception.stacktrace",
    "string",
    "Log records only: the stack, followed by the causes and the errors of an `AggregateError`, each with code and stack. Redacted and capped.",
  ),
  functionName: attribute(
    "code.function.name",
    "string",
    "Log records only: the option whose function failed, such as `scaling` or `backend.spawn`.",
  ),
  durationMs: attribute("flame.duration_ms", "double", "Log records only: the duration.", "ms"),
  reason: attribute("flame.reason", "string", "Log records only: the reason."),
} satisfies Record<string, AttributeSpec>;

/** Attributes by key, for a span or a log record. */
export type SpanFields = { readonly [K in keyof typeof attributes]?: string | number | boolean | undefined };

/** `trace_flags` of a span that is not sampled. */
export const unsampledFlags = "00";

/** The label of methods that are not registered. It keeps cardinality bounded. */
export const OTHER_METHOD = "_OTHER";

/** The value of `rpc.system.name`. */
export const RPC_SYSTEM = "flame";
