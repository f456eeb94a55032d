/**
 * Converts events into structured log records: the name and level from the catalog, a readable sentence, and the ids
 * that link the record to its trace. Each failure produces one record per side.
 */
import type { CallError } from "../contract/errors.ts";
import type { Logger } from "../contract/config/options.ts";
import { processWide } from "../contract/process/copies.ts";
import { type SpanFields, type LogSpec, attributes, logs, unsampledFlags } from "./catalog.ts";
import { formatCount, formatDuration } from "../contract/format-numbers.ts";
import { consoleLogger } from "./console-logger.ts";
import { exceptionFacts } from "./exception.ts";
import { guardLogger } from "./guarded-logger.ts";
import { type Redactor, makeRedactor } from "./redaction.ts";
import type { EventSink, FlameEvent, SpanIds } from "./telemetry.ts";

/** A record before it is passed to the loggers. */
interface LogEntry {
  readonly spec: LogSpec;
  /** Overrides the level in the catalog. */
  readonly level?: LogSpec["level"];
  readonly message: string;
  readonly facts: SpanFields;
  readonly span?: SpanIds | undefined;
}

export { consoleLogger } from "./console-logger.ts";

/**
 * Shared by every copy of this package in the process: `firelight/otel/register` may be a different copy than the one
 * in a bundle.
 */
const exporters: Set<Logger> = processWide("log-exporters", () => new Set());

/**
 * Sends every record to one more logger, in addition to the configured one. The OTLP log exporter uses it. The returned
 * function stops it.
 */
export const exportLogs = (logger: Logger): (() => void) => {
  const guarded = guardLogger(logger);
  exporters.add(guarded);
  return () => {
    exporters.delete(guarded);
  };
};

const errorFacts = (error: CallError): SpanFields => ({
  errorType: error.status,
  errorCode: error.code,
  errorPhase: error.phase,
  executed: error.executed,
  runnerId: error.runnerId,
  attempt: error.attempt,
});

/** The caller knows that it canceled, so the record is only for debugging. */
const levelOf = (error: CallError): LogSpec["level"] | undefined => (error.code === "canceled" ? "debug" : undefined);

/** Returns the thrown value; without one, what the runner reported about the handler's failure. */
const thrownFacts = (thrown: unknown, redact: Redactor, error?: CallError): SpanFields => {
  const known = thrown ?? error?.remote;
  return known === undefined ? {} : exceptionFacts(known, redact);
};

const clientException = (
  event: Extract<FlameEvent, { _tag: "CallEnded" }>,
  error: CallError,
  redact: Redactor,
): LogEntry => {
  const { method, pool, invocationId, attempts, durationMs, span } = event;
  const bare = error.code === "canceled" && error.cause === undefined;
  const exception: SpanFields = bare ? {} : { ...exceptionFacts(error, redact), exceptionCode: undefined };
  return {
    spec: logs.clientException,
    level: levelOf(error),
    message: `${method} failed in pool "${pool}" after ${formatDuration(durationMs)} and ${formatCount(attempts, "attempt")} (${error.code}): ${error.message}`,
    facts: { ...errorFacts(error), ...exception, method, pool, invocationId, attemptCount: attempts, durationMs },
    span,
  };
};

const serverException = (
  event: Extract<FlameEvent, { _tag: "ServerEnded" }>,
  error: CallError,
  redact: Redactor,
): LogEntry => {
  const { method, pool, invocationId, attempt, durationMs, span, thrown } = event;
  const exception = thrownFacts(thrown, redact, error);
  const why =
    exception.exceptionMessage === undefined
      ? error.message
      : `${exception.exceptionType}: ${exception.exceptionMessage}`;
  return {
    spec: logs.serverException,
    level: levelOf(error),
    message: `${method} failed on this runner after ${formatDuration(durationMs)}, attempt ${attempt} (${error.code}): ${why}`,
    facts: { ...errorFacts(error), ...exception, method, pool, invocationId, attempt, durationMs },
    span,
  };
};

const bootEnded = (event: Extract<FlameEvent, { _tag: "BootEnded" }>, redact: Redactor): LogEntry => {
  const { pool, runnerId, backend, result, durationMs, error } = event;
  const facts = { pool, runnerId, backend, durationMs };
  const runner = `Runner ${runnerId} of pool "${pool}"`;
  if (result === "ok")
    return { spec: logs.runnerReady, message: `${runner} is ready after ${formatDuration(durationMs)}.`, facts };
  if (result === "canceled") {
    const message = `The boot of runner ${runnerId} of pool "${pool}" was canceled after ${formatDuration(durationMs)}.`;
    return {
      spec: logs.runnerBootCanceled,
      message,
      facts: { ...facts, reason: thrownFacts(error, redact).exceptionMessage },
    };
  }
  const how =
    result === "timeout"
      ? `timed out while booting, after ${formatDuration(durationMs)}`
      : `failed to boot after ${formatDuration(durationMs)}`;
  const exception = thrownFacts(error, redact);
  const why = exception.exceptionMessage === undefined ? "" : `: ${exception.exceptionMessage}`;
  return {
    spec: logs.runnerBootFailed,
    message: `${runner} ${how}${why}`,
    facts: { ...facts, ...exception, reason: result },
  };
};

const isolateTerminated = (event: Extract<FlameEvent, { _tag: "IsolateTerminated" }>): LogEntry => {
  const { method, pool, runnerId, invocationId, attempt, isolation, graceMs, stopped, span } = event;
  const overdue = `${method} was still running ${graceMs} ms after its signal was aborted`;
  return {
    spec: logs.isolateTerminated,
    level: stopped ? undefined : "error",
    message: stopped
      ? `${overdue}, so its ${isolation} was terminated.`
      : `${overdue}, and its ${isolation} cannot be stopped: it runs native code and continues until that returns. Set isolation: "process" for the method.`,
    facts: { method, pool, runnerId, invocationId, attempt, isolation },
    span,
  };
};

/**
 * Logs the first refusal in a row, the second, the fourth and so on: anyone on the network can send what looks like a
 * heartbeat.
 */
const heartbeatRefused = (event: Extract<FlameEvent, { _tag: "HeartbeatRefused" }>): LogEntry | undefined => {
  const { by, pool, runnerId, code, detail, count, orphanTimeoutMs } = event;
  if ((count & (count - 1)) !== 0) return undefined;
  const heartbeats = `${formatCount(count, "heartbeat")}${count === 1 ? "" : " in a row"}`;
  const whose = by === "parent" ? "of this parent" : "that claim to be from its parent";
  const within = orphanTimeoutMs === undefined ? "" : ` within ${orphanTimeoutMs} ms`;
  return {
    spec: logs.heartbeatRefused,
    message: `Runner ${runnerId} of pool "${pool}" refused ${heartbeats} ${whose} and exits if it accepts none${within}: ${detail}`,
    facts: { pool, runnerId, errorCode: code, reason: detail },
  };
};

const clockStepped = ({ pool, runnerId, stepMs }: Extract<FlameEvent, { _tag: "ClockStepped" }>): LogEntry => {
  const whose = runnerId === undefined ? `this parent of pool "${pool}"` : `runner ${runnerId} of pool "${pool}"`;
  const direction = stepMs < 0 ? "back" : "forward";
  return {
    spec: logs.clockStepped,
    message: `The system clock of ${whose} jumped ${direction} by ${formatDuration(Math.abs(stepMs))}, or the machine was suspended. Calls are not affected; timestamps in logs and spans follow the new clock.`,
    facts: { pool, runnerId, clockStepMs: stepMs },
  };
};

/** Events without a record. */
const onlyForMetrics: ReadonlySet<FlameEvent["_tag"]> = new Set([
  "CallStarted",
  "AttemptEnded",
  "AcquireEnded",
  "LeaseEnded",
  "ClockOffset",
  "RunnerSpans",
  "IdempotencyDecided",
]);

/** Returns the record of an event; `undefined` for events that only metrics use. */
const entryOf = (event: FlameEvent, redact: Redactor): LogEntry | undefined => {
  switch (event._tag) {
    case "CallEnded":
      return event.error === undefined ? undefined : clientException(event, event.error, redact);
    case "ServerEnded":
      return event.error === undefined ? undefined : serverException(event, event.error, redact);
    case "RetryScheduled": {
      const { method, pool, invocationId, nextAttempt, delayMs, reason, span } = event;
      const message = `Retrying ${method} in ${formatDuration(delayMs)} (attempt ${nextAttempt}): ${reason}`;
      return {
        spec: logs.retry,
        message,
        facts: { method, pool, invocationId, nextAttempt, retryDelayMs: delayMs, retryReason: reason },
        span,
      };
    }
    case "RetryRefused": {
      const { method, pool, invocationId, attempts, obstacle, reason, span } = event;
      return {
        spec: logs.retryRefused,
        message: `Not retrying ${method} after ${formatCount(attempts, "attempt")}: ${reason}`,
        facts: { method, pool, invocationId, attemptCount: attempts, retryRefused: obstacle, reason },
        span,
      };
    }
    case "RunnerBooting": {
      const { pool, runnerId, backend, reason } = event;
      const message = `Starting runner ${runnerId} of pool "${pool}": ${reason}`;
      return { spec: logs.runnerBooting, message, facts: { pool, runnerId, backend, reason } };
    }
    case "BootEnded":
      return bootEnded(event, redact);
    case "RunnerDraining": {
      const { pool, runnerId, reason, detail } = event;
      const why = detail === undefined ? reason : `${reason}, ${detail}`;
      const message = `Runner ${runnerId} of pool "${pool}" is draining: ${why}`;
      return {
        spec: logs.runnerDraining,
        message,
        facts: { pool, runnerId, terminationReason: reason, reason: detail },
      };
    }
    case "RunnerTerminated": {
      const { pool, runnerId, reason, detail } = event;
      const lost = reason === "crash";
      const why = detail === undefined ? reason : `${reason}, ${detail}`;
      return {
        spec: lost ? logs.runnerLost : logs.runnerTerminated,
        message: `Runner ${runnerId} of pool "${pool}" ${lost ? "was lost" : "was stopped"}: ${why}`,
        facts: { pool, runnerId, terminationReason: reason, reason: detail },
      };
    }
    case "RunnerNotEnded": {
      const { pool, runnerId, backend, fault, error } = event;
      const message = `The backend "${backend}" did not terminate runner ${runnerId} of pool "${pool}": ${fault}. The runner may still be running; check it on the backend's side.`;
      return {
        spec: logs.runnerNotEnded,
        message,
        facts: { pool, runnerId, backend, reason: fault, ...thrownFacts(error, redact) },
      };
    }
    case "UserFunctionFailed": {
      const { pool, name, fault, fallback, error } = event;
      return {
        spec: logs.userFunctionFailed,
        message: `${name} of pool "${pool}" ${fault}; ${fallback}.`,
        facts: { pool, functionName: name, reason: fault, ...thrownFacts(error, redact) },
      };
    }
    case "IsolateTerminated":
      return isolateTerminated(event);
    case "PoolSaturated": {
      const { pool, pending, limit } = event;
      const message = `Pool "${pool}" is saturated: all ${limit} slots are in use and ${formatCount(pending, "call")} ${pending === 1 ? "is" : "are"} waiting. Raise max or maxConcurrency, or send fewer calls.`;
      return { spec: logs.poolSaturated, message, facts: { pool, queueDepth: pending, slotLimit: limit } };
    }
    case "PoolScaled": {
      const { pool, from, to, reason } = event;
      return {
        spec: logs.poolScaled,
        message: `Pool "${pool}" scales from ${from} to ${to} runners: ${reason}`,
        facts: { pool, reason },
      };
    }
    case "HeartbeatRefused":
      return heartbeatRefused(event);
    case "SignatureRejected": {
      const { pool, reason, detail } = event;
      const message = `Signature check failed for a message in pool "${pool}" (${reason}): ${detail}`;
      const level = reason === "instance" ? "info" : undefined;
      return { spec: logs.signatureRejected, level, message, facts: { pool, reason } };
    }
    case "ClockStepped":
      return clockStepped(event);
    case "CallStarted":
    case "AttemptEnded":
    case "AcquireEnded":
    case "LeaseEnded":
    case "ClockOffset":
    case "RunnerSpans":
    case "IdempotencyDecided":
      return undefined;
  }
};

/** Returns the span fields of a log record. Trace flags are only recorded when the span is not sampled. */
const spanFacts = (span: SpanIds | undefined): SpanFields =>
  span === undefined
    ? {}
    : { traceId: span.traceId, spanId: span.spanId, traceFlags: span.sampled ? undefined : unsampledFlags };

const metaOf = ({ spec, facts, span }: LogEntry, redact: Redactor): Record<string, unknown> => {
  const all: SpanFields = { eventName: spec.name, ...spanFacts(span), ...facts };
  const meta: Record<string, unknown> = {};
  for (const key in all) {
    const value = all[key as keyof SpanFields];
    if (value === undefined) continue;
    const safe = typeof value === "string" && (key === "reason" || key === "retryReason") ? redact(value) : value;
    meta[attributes[key as keyof SpanFields].name] = safe;
  }
  return meta;
};

/**
 * Creates a sink that writes events to a logger as log records. Levels come from the catalog, except that a call
 * canceled by its caller is `debug`.
 *
 * @param logger default: {@link consoleLogger}
 * @param redact makes text from errors safe. Default: removes what looks like a secret
 */
export const makeLogSink = (logger: Logger = consoleLogger, redact: Redactor = makeRedactor([])): EventSink => {
  const own = guardLogger(logger);
  return {
    emit: (event) => {
      const ended = event._tag === "CallEnded" || event._tag === "ServerEnded";
      if (ended ? event.error === undefined : onlyForMetrics.has(event._tag)) return;
      const entry = entryOf(event, redact);
      if (entry === undefined) return;
      const level = entry.level ?? entry.spec.level;
      const message = redact(entry.message);
      const meta = metaOf(entry, redact);
      for (const target of new Set([own, ...exporters])) target[level]?.(message, meta);
    },
  };
};
