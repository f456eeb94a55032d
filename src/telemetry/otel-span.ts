/**
 * The span of a running stage. Ends spans made by `@effect/opentelemetry` without that library, which would set the
 * status OK on success and no status on interruption.
 */
import type { Attributes, Context as OtelContext, Span as OtelSpan, SpanContext } from "@opentelemetry/api";
import { SpanStatusCode, TraceFlags, context as otelContext, trace } from "@opentelemetry/api";
import type * as Exit from "effect/Exit";
import * as Tracer from "effect/Tracer";
import type { TraceCarrier } from "../contract/wire/envelope.ts";
import type { RpcStatus } from "../contract/errors.ts";
import type { SpanFields, SpanSpec } from "./catalog.ts";
import { attributes, spans } from "./catalog.ts";
import { carrierOf } from "./otel-context.ts";
import type { Redactor } from "./redaction.ts";
import { isServerError, outcomeOf } from "./span-outcome.ts";
import type { SpanIds, Stage, StageSpan } from "./telemetry.ts";

/** An Effect span that carries an OpenTelemetry span. */
interface OtelBacked {
  readonly span: OtelSpan;
  status: Tracer.SpanStatus;
}

export const isOtelBacked = (span: object): span is OtelBacked =>
  "span" in span && typeof span.span === "object" && span.span !== null && "spanContext" in span.span;

/** Converts fields into span attributes by name. */
export const factAttributes = (facts: SpanFields): Attributes => {
  const named: Attributes = {};
  for (const key in facts) {
    const value = facts[key as keyof SpanFields];
    if (value !== undefined) named[attributes[key as keyof SpanFields].name] = value;
  }
  return named;
};

const stagesWith = (attribute: keyof SpanFields): ReadonlySet<string> =>
  new Set(
    Object.entries<SpanSpec>(spans)
      .filter(([, spec]) => spec.attributes.includes(attribute))
      .map(([tag]) => tag),
  );

/** Stages whose spans carry a status, and stages whose spans carry an error. */
const withStatus = stagesWith("status");
const withErrors = stagesWith("errorType");

const nanosPerSecond = 1_000_000_000n;
const maxBootPhases = 32;

export interface StageSpanOptions {
  readonly span: Tracer.Span;
  readonly tag: Stage["_tag"];
  /** The OpenTelemetry context of the stage. */
  readonly context: OtelContext;
  /** Baggage keys that may be sent to the runner; `undefined` for all. */
  readonly baggageKeys: ReadonlySet<string> | undefined;
  readonly redact: Redactor;
}

/** A {@link StageSpan} over an Effect span. */
export class EffectStageSpan implements StageSpan {
  readonly ids: SpanIds | undefined;
  readonly #options: StageSpanOptions;
  readonly #otel: OtelBacked | undefined;
  readonly #identity: SpanContext;
  readonly #recording: boolean;
  #status: RpcStatus | undefined;
  #carrier: TraceCarrier | undefined;

  constructor(options: StageSpanOptions) {
    const { span } = options;
    this.#options = options;
    this.#otel = isOtelBacked(span) ? span : undefined;
    this.#identity = this.#otel?.span.spanContext() ?? {
      traceId: span.traceId,
      spanId: span.spanId,
      traceFlags: span.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    };
    this.#recording = this.#otel?.span.isRecording() ?? true;
    const { traceId, spanId, traceFlags } = this.#identity;
    const sampled = (traceFlags & TraceFlags.SAMPLED) !== 0;
    const exemplar = sampled && this.#recording ? false : undefined;
    this.ids = trace.isSpanContextValid(this.#identity) ? { traceId, spanId, sampled, exemplar } : undefined;
  }

  setAttributes(facts: SpanFields): void {
    if (facts.status !== undefined) this.#status = facts.status as RpcStatus;
    if (!this.#recording) return;
    const otel = this.#otel?.span;
    for (const key in facts) {
      const value = facts[key as keyof SpanFields];
      if (value === undefined) continue;
      const { name } = attributes[key as keyof SpanFields];
      if (otel === undefined) this.#options.span.attribute(name, value);
      else otel.setAttribute(name, value);
    }
  }

  setBootPhases(phases: Readonly<Record<string, number>>): void {
    for (const [name, ms] of Object.entries(phases).slice(0, maxBootPhases)) {
      this.#options.span.attribute(`${attributes.bootPhase.name}.${name}`, ms);
    }
  }

  link(to: SpanIds): void {
    this.#options.span.addLinks([{ span: Tracer.externalSpan(to), attributes: {} }]);
  }

  get carrier(): TraceCarrier {
    return (this.#carrier ??= carrierOf(this.#identity, this.#options.context, this.#options.baggageKeys));
  }

  activate<A>(run: () => A): A {
    const span = this.#otel?.span ?? trace.wrapSpanContext(this.#identity);
    return otelContext.with(trace.setSpan(this.#options.context, span), run);
  }

  /** Sets the status of the span and ends it. */
  end(exit: Exit.Exit<unknown, unknown>, endTime: bigint): void {
    const { span, tag, redact } = this.#options;
    const { status, failure } = outcomeOf(exit, this.#status);
    if (this.ids?.exemplar === true) this.setAttributes({ exemplar: true });
    else if (this.ids !== undefined) this.ids.exemplar = undefined;
    if (this.#recording) {
      if (withStatus.has(tag)) this.setAttributes({ status });
      if (failure !== undefined && withErrors.has(tag)) {
        this.setAttributes(failure.facts);
        if (tag !== "server" || isServerError(status)) {
          this.#otel?.span.setStatus({ code: SpanStatusCode.ERROR, message: redact(failure.message) });
        }
      }
    }
    if (this.#otel === undefined) {
      span.end(endTime, exit);
      return;
    }
    this.#otel.status = { _tag: "Ended", startTime: span.status.startTime, endTime, exit };
    this.#otel.span.end([Number(endTime / nanosPerSecond), Number(endTime % nanosPerSecond)]);
  }
}
