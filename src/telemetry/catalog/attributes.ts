/** Every attribute of spans and log records, and the values that are fixed. */

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
  status: attribute("rpc.status_code", "string", "Outcome, as a gRPC status name."),
  errorType: attribute("error.type", "string", "Only on failure: the status name of the failure."),
  errorCode: attribute("flame.error.code", "string", "Only on failure: Firelight's own error code."),
  errorPhase: attribute("flame.error.phase", "string", "Only on failure: the phase in which the call ended."),
  executed: attribute(
    "flame.error.executed",
    "string",
    "Only on failure: whether the handler ran (`no`, `unknown`, `yes`).",
  ),
  pool: attribute("flame.pool.name", "string", "The pool that ran the call."),
  invocationId: attribute("flame.invocation.id", "string", "One id for all attempts of a call."),
  idempotencyKey: attribute(
    "flame.idempotency_key.present",
    "boolean",
    "Whether the call carried an idempotency key; the key itself is never recorded.",
  ),
  detached: attribute(
    "flame.detached",
    "boolean",
    "Only on detached calls: the handler goes on when the caller leaves.",
  ),
  idempotencyOutcome: attribute(
    "flame.idempotency.outcome",
    "string",
    "Only with an idempotency key. `executed`: this request ran the handler. `joined`: it waited for one that was running. `replayed`: it got a result that was kept. `conflict`: the key belongs to other arguments. `unavailable`: the store did not answer.",
  ),
  attemptCount: attribute("flame.attempt.count", "int", "Attempts that the call took."),
  attempt: attribute("flame.attempt.number", "int", "Number of this attempt, from 1."),
  attemptKind: attribute("flame.attempt.kind", "string", "`first`, `retry` or `hedge`."),
  retryReason: attribute(
    "flame.retry.reason",
    "string",
    "Why this attempt is made beside the first: the error code and what is known of execution; of a hedge, how long there was no answer.",
  ),
  retryRefused: attribute(
    "flame.retry.refused",
    "string",
    "Why a failed call was not tried again though its options allow it: `budget` (of the pool), `deadline`, `max_attempts` or `condition` (`retry.on`).",
  ),
  retryDelayMs: attribute("flame.retry.delay_ms", "double", "Backoff before the next attempt.", "ms"),
  nextAttempt: attribute("flame.retry.next_attempt", "int", "Number of the attempt after the backoff."),
  mapItems: attribute("flame.map.items", "int", "Items that were called for."),
  mapConcurrency: attribute("flame.map.concurrency", "int", "Most calls of the map at a time."),
  mapFailed: attribute(
    "flame.map.failed",
    "int",
    "Items whose call failed; those that were canceled with the map are not counted.",
  ),
  coldStart: attribute(
    "flame.cold_start",
    "boolean",
    "Whether the call waited for a runner to boot (parent), or is a runner's first (runner).",
  ),
  exemplar: attribute(
    "flame.exemplar",
    "boolean",
    "Only on spans that an exemplar of a histogram leads to: whoever samples at the end should keep their traces.",
  ),
  deadlineMs: attribute("flame.deadline_ms", "double", "What the call was allowed at its start.", "ms"),
  isolation: attribute(
    "flame.isolation",
    "string",
    "Only where a handler ran apart from its runner's event loop: in a `worker` or in a `process` of its own.",
  ),
  acquireResult: attribute("flame.acquire.result", "string", "`acquired`, `timeout`, `canceled` or `rejected`."),
  acquireSource: attribute(
    "flame.acquire.source",
    "string",
    "`warm`: a slot was free. `queued`: a busy runner became free. `cold`: a runner was booted.",
  ),
  queueDepth: attribute("flame.pool.queue_depth", "int", "Calls already waiting when this one entered."),
  slotLimit: attribute("flame.pool.slot_limit", "int", "Most invocations that the pool can run at a time."),
  runnerId: attribute("flame.runner.id", "string", "The runner; the audience of its requests."),
  backend: attribute("flame.runner.backend", "string", "The backend that started the runner."),
  serverAddress: attribute("server.address", "string", "Host of the runner."),
  serverPort: attribute("server.port", "int", "Port of the runner."),
  requestBytes: attribute("flame.request.body.size", "int", "Encoded arguments.", "By"),
  responseBytes: attribute("flame.response.body.size", "int", "Encoded result.", "By"),
  clockOffsetMs: attribute(
    "flame.clock.offset_ms",
    "double",
    "The runner's clock less the parent's, measured over four timestamps. Recorded, never applied.",
    "ms",
  ),
  clockStepMs: attribute(
    "flame.clock.step_ms",
    "double",
    "By how much the system clock was moved; negative for back.",
    "ms",
  ),
  bootPhase: attribute(
    "flame.boot.phase_ms",
    "double",
    "Duration of one step of a boot; the step's name follows, as in `flame.boot.phase_ms.ready`.",
    "ms",
  ),
  terminationReason: attribute(
    "flame.runner.termination.reason",
    "string",
    "`idle`, `drain`, `crash`, `boot_timeout`, `canceled`, `unhealthy` or `recycled`; `orphaned` when a runner says of itself that its parent is gone.",
  ),
  instanceId: attribute("service.instance.id", "string", "Resource of a runner: its id."),
  phaseAcquireMs: attribute("flame.phase.acquire_ms", "double", "Getting a slot on a runner.", "ms"),
  phaseEncodeMs: attribute("flame.phase.encode_ms", "double", "Encoding the arguments and signing.", "ms"),
  phaseNetworkMs: attribute("flame.phase.network_ms", "double", "On the wire and in both HTTP stacks.", "ms"),
  phaseRunnerQueueMs: attribute(
    "flame.phase.runner_queue_ms",
    "double",
    "On the runner, around the handler: reading, verifying, decoding, encoding.",
    "ms",
  ),
  phaseHandlerMs: attribute("flame.phase.handler_ms", "double", "In the handler.", "ms"),
  phaseDecodeMs: attribute("flame.phase.decode_ms", "double", "Verifying and decoding the response.", "ms"),
  phaseBackoffMs: attribute("flame.phase.backoff_ms", "double", "Waiting between attempts.", "ms"),
  phaseOtherMs: attribute("flame.phase.other_ms", "double", "What no phase explains.", "ms"),
  eventName: attribute("event.name", "string", "Log records only: the name of the event."),
  traceId: attribute("trace_id", "string", "Log records and exemplars only: the trace."),
  spanId: attribute("span_id", "string", "Log records and exemplars only: the span."),
  traceFlags: attribute(
    "trace_flags",
    "string",
    "Log records only: `00` where the span is not sampled. Over OTLP, the flags of the record.",
  ),
  exceptionType: attribute("exception.type", "string", "Log records only: the class of what was thrown."),
  exceptionMessage: attribute(
    "exception.message",
    "string",
    "Log records only: its message, without secrets and capped.",
  ),
  exceptionCode: attribute(
    "flame.exception.code",
    "string",
    "Log records only: its own code, such as `ECONNREFUSED`, where it has one.",
  ),
  exceptionStack: attribute(
    "exception.stacktrace",
    "string",
    "Log records only: its stack, followed by its causes and the errors of an `AggregateError`, each with its code and stack, without secrets and capped.",
  ),
  functionName: attribute(
    "code.function.name",
    "string",
    "Log records only: the option whose function failed, such as `scaling` or `backend.spawn`.",
  ),
  durationMs: attribute("flame.duration_ms", "double", "Log records only: how long it took.", "ms"),
  reason: attribute("flame.reason", "string", "Log records only: why it happened."),
} satisfies Record<string, AttributeSpec>;

/** Attributes by key, to be recorded on a span or log record. */
export type SpanFields = { readonly [K in keyof typeof attributes]?: string | number | boolean | undefined };

/** `trace_flags` of a span that is not sampled. */
export const unsampledFlags = "00";

/** The label of methods that are not registered: it keeps cardinality bounded. */
export const OTHER_METHOD = "_OTHER";

/** The value of `rpc.system.name`. */
export const RPC_SYSTEM = "flame";
