/** The invocation context of a handler. Its expensive parts are made on first use. */
import type { Invocation } from "../../contract/wire/dispatcher.ts";
import type { TraceCarrier } from "../../contract/wire/envelope.ts";
import { clockAnchorMs, clockStepMs } from "../../contract/wire/clock.ts";
import type { RunningInvocation } from "../../contract/api/invocation.ts";
import type { Logger } from "../../contract/config/options.ts";
import type { Execution } from "./execution.ts";
import { unsampledFlags } from "../../telemetry/catalog.ts";
import type { StageSpan } from "../../telemetry/telemetry.ts";

/** A logger that adds the invocation to each record. */
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

/** The run of a handler, as its context needs it. */
export interface HandlerOf {
  readonly execution: Execution;
  readonly span: StageSpan;
  readonly signal: AbortSignal;
}

export class HandlerContext implements RunningInvocation {
  readonly invocationId: string;
  readonly method: string;
  readonly attempt: number;
  readonly idempotencyKey: string | undefined;
  readonly #run: HandlerOf;
  /** The wall clock minus `performance.now()`. Updated when the wall clock was set. */
  #anchorMs: number | undefined;
  #logger: Logger | undefined;

  constructor(run: HandlerOf) {
    const { invocation } = run.execution;
    this.invocationId = invocation.invocationId;
    this.method = invocation.method;
    this.attempt = invocation.attempt;
    this.idempotencyKey = invocation.idempotencyKey;
    this.#run = run;
  }

  get signal(): AbortSignal {
    return this.#run.signal;
  }

  deadlineAt(): number {
    return this.#run.execution.deadlineAt();
  }

  get deadline(): number | null {
    const deadlineAt = this.deadlineAt();
    if (deadlineAt === Infinity) return null;
    const anchorMs = clockAnchorMs();
    if (this.#anchorMs === undefined || Math.abs(anchorMs - this.#anchorMs) >= clockStepMs) this.#anchorMs = anchorMs;
    return this.#anchorMs + deadlineAt;
  }

  get trace(): TraceCarrier {
    return this.#run.span.carrier;
  }

  get logger(): Logger {
    const { execution, span } = this.#run;
    return (this.#logger ??= invocationLogger(execution.host.logger, execution.invocation, span));
  }
}
