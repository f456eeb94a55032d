/** What a handler is told about its invocation. Few handlers ask for all of it, so the dear parts are made when asked for. */
import type { Invocation } from "../../contract/wire/dispatcher.ts";
import type { TraceCarrier } from "../../contract/wire/envelope.ts";
import { clockAnchorMs, clockStepMs } from "../../contract/wire/clock.ts";
import type { RunningInvocation } from "../../contract/api/invocation.ts";
import type { Logger } from "../../contract/config/options.ts";
import { unsampledFlags } from "../../telemetry/catalog.ts";
import type { StageSpan } from "../../telemetry/telemetry.ts";

/** What is known when a handler starts. */
export interface HandlerStart {
  readonly invocation: Invocation;
  readonly logger: Logger;
  readonly deadlineAt: () => number;
}

/** A logger that says which invocation each record is about. */
const invocationLogger = (logger: Logger, invocation: Invocation, span: StageSpan): Logger => {
  const about = (meta: Record<string, unknown> | undefined): Record<string, unknown> => ({
    "rpc.method": invocation.method,
    "flame.invocation.id": invocation.invocationId,
    "flame.attempt.number": invocation.attempt,
    ...(span.ids === undefined ? undefined : { trace_id: span.ids.traceId, span_id: span.ids.spanId }),
    ...(span.ids?.sampled === false ? { trace_flags: unsampledFlags } : undefined),
    ...meta,
  });
  return {
    debug: (message, meta) => logger.debug?.(message, about(meta)),
    info: (message, meta) => logger.info(message, about(meta)),
    warn: (message, meta) => logger.warn(message, about(meta)),
    error: (message, meta) => logger.error(message, about(meta)),
  };
};

export class HandlerContext implements RunningInvocation {
  readonly invocationId: string;
  readonly method: string;
  readonly signal: AbortSignal;
  readonly attempt: number;
  readonly idempotencyKey: string | undefined;
  readonly #start: HandlerStart;
  /** What makes a clock time of a `performance.now()`; another one once the clock was set. */
  #anchorMs = clockAnchorMs();
  readonly #span: StageSpan;
  #logger: Logger | undefined;

  constructor(start: HandlerStart, span: StageSpan, signal: AbortSignal) {
    const { invocation } = start;
    this.invocationId = invocation.invocationId;
    this.method = invocation.method;
    this.signal = signal;
    this.attempt = invocation.attempt;
    this.idempotencyKey = invocation.idempotencyKey;
    this.#start = start;
    this.#span = span;
  }

  deadlineAt(): number {
    return this.#start.deadlineAt();
  }

  get deadline(): number | null {
    const deadlineAt = this.deadlineAt();
    if (deadlineAt === Infinity) return null;
    const anchorMs = clockAnchorMs();
    if (Math.abs(anchorMs - this.#anchorMs) >= clockStepMs) this.#anchorMs = anchorMs;
    return this.#anchorMs + deadlineAt;
  }

  get trace(): TraceCarrier {
    return this.#span.carrier;
  }

  get logger(): Logger {
    return (this.#logger ??= invocationLogger(this.#start.logger, this.#start.invocation, this.#span));
  }
}
