/**
 * Events as structured log records: the catalog's name and level, a sentence
 * for a person, and ids by which a record finds its trace. Each failure gives one
 * record per side.
 */
import type { CallError } from "../contract/errors.ts";
import type { Logger } from "../contract/config/options.ts";
import { processWide } from "../contract/process/copies.ts";
import { type SpanFields, type LogSpec, attributes, logs, unsampledFlags } from "./catalog.ts";
import { consoleLogger } from "./console-logger.ts";
import { exceptionFacts } from "./exception.ts";
import { guardLogger } from "./guarded-logger.ts";
import { type Redactor, makeRedactor } from "./redaction.ts";
import type { EventSink, FlameEvent, SpanIds } from "./telemetry.ts";

/** A record before it is handed to loggers. */
interface LogEntry {
  readonly spec: LogSpec;
  /** Where it differs from the catalog's. */
  readonly level?: LogSpec["level"];
  readonly message: string;
  readonly facts: SpanFields;
  readonly span?: SpanIds | undefined;
}

export { consoleLogger } from "./console-logger.ts";

/** Those of every copy of this package: `firelight/otel/register` may be another one than a bundle has. */
const exporters: Set<Logger> = processWide("log-exporters", () => new Set());

/**
 * Hands every record to one more logger, beside the one that an instance is configured with: how records get to OTLP.
 * Call the returned function to stop.
 */
export const exportLogs = (logger: Logger): (() => void) => {
  const guarded = guardLogger(logger);
  exporters.add(guarded);
  return () => {
    exporters.delete(guarded);
  };
};

const duration = (ms: number): string => (ms < 10_000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(1)} s`);

const errorFacts = (error: CallError): SpanFields => ({
  errorType: error.status,
  errorCode: error.code,
  errorPhase: error.phase,
  executed: error.executed,
  runnerId: error.runnerId,
  attempt: error.attempt,
});

/** The one who cancels knows; nobody needs to be woken. */
const levelOf = (error: CallError): LogSpec["level"] | undefined => (error.code === "canceled" ? "debug" : undefined);

/** What was thrown; where nothing was, what is known of the failure of a handler. */
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
  const tries = attempts === 1 ? "1 attempt" : `${attempts} attempts`;
  return {
    spec: logs.clientException,
    level: levelOf(error),
    message: `${method} failed after ${duration(durationMs)} and ${tries} in pool "${pool}" with ${error.code}: ${error.message}`,
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
    message: `${method} failed on this runner after ${duration(durationMs)}, attempt ${attempt}, with ${error.code}: ${why}`,
    facts: { ...errorFacts(error), ...exception, method, pool, invocationId, attempt, durationMs },
    span,
  };
};

const bootEnded = (event: Extract<FlameEvent, { _tag: "BootEnded" }>, redact: Redactor): LogEntry => {
  const { pool, runnerId, backend, result, durationMs, error } = event;
  const facts = { pool, runnerId, backend, durationMs };
  const runner = `Runner ${runnerId} of pool "${pool}"`;
  if (result === "ok")
    return { spec: logs.runnerReady, message: `${runner} is up after ${duration(durationMs)}.`, facts };
  if (result === "canceled") {
    const message = `The boot of runner ${runnerId} of pool "${pool}" was canceled after ${duration(durationMs)}.`;
    return {
      spec: logs.runnerBootCanceled,
      message,
      facts: { ...facts, reason: thrownFacts(error, redact).exceptionMessage },
    };
  }
  const how =
    result === "timeout"
      ? `was not up in time, after ${duration(durationMs)}`
      : `did not boot, after ${duration(durationMs)}`;
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
  const late = `${method} had not ended ${graceMs} ms after its signal`;
  return {
    spec: logs.isolateTerminated,
    level: stopped ? undefined : "error",
    message: stopped
      ? `${late}, and its ${isolation} was terminated.`
      : `${late}, and its ${isolation} cannot be stopped: it is inside native code, and goes on until that returns. Give the method isolation: "process".`,
    facts: { method, pool, runnerId, invocationId, attempt, isolation },
    span,
  };
};

/** Says it at the first in a row, the second, the fourth and so on: strangers can send what looks like a heartbeat. */
const heartbeatRefused = (event: Extract<FlameEvent, { _tag: "HeartbeatRefused" }>): LogEntry | undefined => {
  const { by, pool, runnerId, code, detail, count, orphanTimeoutMs } = event;
  if ((count & (count - 1)) !== 0) return undefined;
  const heartbeats = count === 1 ? "a heartbeat" : `${count} heartbeats in a row`;
  const whose = by === "parent" ? "of this parent" : "that should be its parent's";
  const within = orphanTimeoutMs === undefined ? "" : ` within ${orphanTimeoutMs} ms`;
  return {
    spec: logs.heartbeatRefused,
    message: `Runner ${runnerId} of pool "${pool}" refused ${heartbeats} ${whose}, and ends itself if it hears nothing else${within}: ${detail}`,
    facts: { pool, runnerId, errorCode: code, reason: detail },
  };
};

const clockStepped = ({ pool, runnerId, stepMs }: Extract<FlameEvent, { _tag: "ClockStepped" }>): LogEntry => {
  const whose = runnerId === undefined ? `this parent of pool "${pool}"` : `runner ${runnerId} of pool "${pool}"`;
  const direction = stepMs < 0 ? "back" : "forward";
  return {
    spec: logs.clockStepped,
    message: `The system clock of ${whose} was moved ${direction} by ${duration(Math.abs(stepMs))}, or its machine slept. Calls go on by monotonic clocks; times in logs and spans moved with it.`,
    facts: { pool, runnerId, clockStepMs: stepMs },
  };
};

/** The record of an event; `undefined` for events that only metrics care about. */
const entryOf = (event: FlameEvent, redact: Redactor): LogEntry | undefined => {
  switch (event._tag) {
    case "CallEnded":
      return event.error === undefined ? undefined : clientException(event, event.error, redact);
    case "ServerEnded":
      return event.error === undefined ? undefined : serverException(event, event.error, redact);
    case "RetryScheduled": {
      const { method, pool, invocationId, nextAttempt, delayMs, reason, span } = event;
      const message = `${method} is tried again in ${duration(delayMs)}, attempt ${nextAttempt}: ${reason}`;
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
        message: `${method} gets no attempt after ${attempts}: ${reason}`,
        facts: { method, pool, invocationId, attemptCount: attempts, retryRefused: obstacle, reason },
        span,
      };
    }
    case "RunnerBooting": {
      const { pool, runnerId, backend, reason } = event;
      const message = `Runner ${runnerId} of pool "${pool}" is being started: ${reason}`;
      return { spec: logs.runnerBooting, message, facts: { pool, runnerId, backend, reason } };
    }
    case "BootEnded":
      return bootEnded(event, redact);
    case "RunnerDraining": {
      const { pool, runnerId, reason, detail } = event;
      const why = detail === undefined ? reason : `${reason}, ${detail}`;
      const message = `Runner ${runnerId} of pool "${pool}" takes no new work: ${why}`;
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
        message: `Runner ${runnerId} of pool "${pool}" ${lost ? "is lost" : "was stopped"}: ${why}`,
        facts: { pool, runnerId, terminationReason: reason, reason: detail },
      };
    }
    case "RunnerNotEnded": {
      const { pool, runnerId, backend, fault, error } = event;
      const message = `The backend "${backend}" has not ended runner ${runnerId} of pool "${pool}": ${fault}. It may still run: see to it there.`;
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
      const message = `Pool "${pool}" is saturated: all ${limit} slots are in use and ${pending} calls wait. Raise max or maxConcurrency, or send it less.`;
      return { spec: logs.poolSaturated, message, facts: { pool, queueDepth: pending, slotLimit: limit } };
    }
    case "PoolScaled": {
      const { pool, from, to, reason } = event;
      return {
        spec: logs.poolScaled,
        message: `Pool "${pool}" goes from ${from} to ${to} runners: ${reason}`,
        facts: { pool, reason },
      };
    }
    case "HeartbeatRefused":
      return heartbeatRefused(event);
    case "SignatureRejected": {
      const { pool, reason, detail } = event;
      const message = `A message of pool "${pool}" was refused for its signature (${reason}): ${detail}`;
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

/** The span of a log record; the flags are those of most spans unless it says otherwise. */
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
 * Turns events into log records for a logger. Levels are the catalog's, except that a call which its caller
 * canceled is `debug`.
 *
 * @param logger default: {@link consoleLogger}
 * @param redact makes text from errors safe; default: strikes out what looks like a secret
 */
export const makeLogSink = (logger: Logger = consoleLogger, redact: Redactor = makeRedactor([])): EventSink => {
  const own = guardLogger(logger);
  return {
    emit: (event) => {
      const entry = entryOf(event, redact);
      if (entry === undefined) return;
      const level = entry.level ?? entry.spec.level;
      const message = redact(entry.message);
      const meta = metaOf(entry, redact);
      for (const target of new Set([own, ...exporters])) target[level]?.(message, meta);
    },
  };
};
