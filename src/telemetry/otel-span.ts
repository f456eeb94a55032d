/**
 * The span of a running stage: a span of the SDK, and a view of it for Effect where Effect sees it. It is started with
 * all attributes that are known, and the others are set at its end. Ends spans made by `@effect/opentelemetry` without
 * that library, which would set the status OK on success and no status on interruption.
 */
import {
  type Attributes,
  type Context as OtelContext,
  context as otelContext,
  type HrTime,
  type Span as OtelSpan,
  type SpanContext,
  SpanStatusCode,
  trace,
  TraceFlags,
} from "@opentelemetry/api";
import * as Context from "effect/Context";
import type * as Exit from "effect/Exit";
import * as Option from "effect/Option";
import * as Tracer from "effect/Tracer";
import type { RpcStatus } from "../contract/errors.ts";
import type { TraceCarrier } from "../contract/wire/envelope.ts";
import { attributes, type SpanFields, spans, type SpanSpec } from "./catalog.ts";
import { carrierOf, parentIn } from "./otel-context.ts";
import type { SpanSource, StartedStage } from "./otel-provider.ts";
import type { Redactor } from "./redaction.ts";
import { isServerError, outcomeOf } from "./span-outcome.ts";
import type { SpanIds, Stage, StageSpan } from "./telemetry.ts";

/** The OpenTelemetry context of a stage, stored on its Effect span for the stages inside. */
export class StageContext extends Context.Service<StageContext, OtelContext>()("firelight/telemetry/StageContext") {}

/** An Effect span that carries an OpenTelemetry span. */
interface OtelBacked {
  readonly span: OtelSpan;
  status: Tracer.SpanStatus;
}

export const isOtelBacked = (span: object): span is OtelBacked =>
  "span" in span && typeof span.span === "object" && span.span !== null && "spanContext" in span.span;

/** Adds fields to span attributes, by name. */
export const addAttributes = (to: Attributes, facts: SpanFields): Attributes => {
  for (const key in facts) {
    const value = facts[key as keyof SpanFields];
    if (value !== undefined) to[attributes[key as keyof SpanFields].name] = value;
  }
  return to;
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

/** Stages that contain other spans. */
const containers: ReadonlySet<Stage["_tag"]> = new Set(["call", "map", "server", "handler"]);

const nanosPerSecond = 1_000_000_000n;
const maxBootPhases = 32;

/** The times of a span by the clock of a fiber. Durations are monotonic even if the system clock is set in between. */
export interface FiberTimes {
  readonly start: bigint;
  readonly end: () => bigint;
}

/** Milliseconds since 1970 as the SDK takes them. */
export const hrTime = (ms: number): HrTime => [Math.floor(ms / 1000), Math.floor((ms % 1000) * 1_000_000)];

export const hrTimeOf = (time: bigint): HrTime => [Number(time / nanosPerSecond), Number(time % nanosPerSecond)];

/** Milliseconds as nanoseconds. A number cannot hold the nanoseconds since 1970. */
const nanos = (ms: number): bigint => BigInt(Math.floor(ms * 1_000)) * 1_000n;

const identityOf = ({ traceId, spanId, sampled }: Tracer.Span): SpanContext => ({
  traceId,
  spanId,
  traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
});

/** A stage with what its span is made from. */
export interface StageSetup extends StartedStage {
  readonly tag: Stage["_tag"];
  /** The stage that it was begun in. */
  readonly outer: TracedStage | undefined;
  /** The Effect span around it, if it was not begun in a stage. */
  readonly around: Tracer.AnySpan | undefined;
  readonly links: ReadonlyArray<Tracer.SpanLink>;
  /** The start in milliseconds since 1970, and by `performance.now()`. */
  readonly startMs: number;
  readonly startedAt: number;
  /** The times by the clock of a fiber, if it has its own. */
  readonly times: FiberTimes | undefined;
  /** The user's tracer, in place of the SDK. */
  readonly custom: Tracer.Tracer | undefined;
  /** Baggage keys that may be sent to the runner; `undefined` for all. */
  readonly baggageKeys: ReadonlySet<string> | undefined;
  readonly source: SpanSource;
  readonly redact: Redactor;
}

/** The stage as Effect describes a span. */
const effectOptions = (setup: StageSetup): Parameters<Tracer.Tracer["span"]>[0] => {
  const { name, kind, context, outer, around, links, startMs, times } = setup;
  const parent = outer?.effect ?? around ?? parentIn(context);
  return {
    name,
    kind,
    parent: Option.fromUndefinedOr(parent),
    root: parent === undefined,
    sampled: parent?.sampled ?? true,
    annotations: Context.make(StageContext, context),
    links: [...links],
    startTime: times?.start ?? nanos(startMs),
  };
};

/** Starts the span of a stage whose parent Effect knows, with the user's tracer if there is one. */
export const startInEffect = (setup: StageSetup, facts: Attributes): Tracer.Span => {
  const { source, custom, context } = setup;
  const options = effectOptions(setup);
  if (custom === undefined) return source.startUnder(options, facts, context);
  const span = otelContext.with(context, () => custom.span(options));
  for (const name in facts) span.attribute(name, facts[name]);
  return span;
};

/** The span of a stage. */
export class TracedStage implements StageSpan {
  readonly setup: StageSetup;
  readonly ids: SpanIds | undefined;
  readonly #otel: OtelSpan | undefined;
  readonly #identity: SpanContext;
  readonly #recording: boolean;
  #effect: Tracer.Span | undefined;
  #inner: OtelContext | undefined;
  #status: RpcStatus | undefined;
  #carrier: TraceCarrier | undefined;
  /** Attributes that are set at the end. */
  #pending: Attributes | undefined;

  /** @param span The SDK's span, or one that Effect's tracer made. */
  constructor(setup: StageSetup, span: OtelSpan | Tracer.Span) {
    this.setup = setup;
    if ("_tag" in span) {
      this.#effect = span;
      this.#otel = isOtelBacked(span) ? span.span : undefined;
    } else {
      this.#otel = span;
    }
    this.#identity = this.#otel?.spanContext() ?? identityOf(span as Tracer.Span);
    this.#recording = this.#otel?.isRecording() ?? true;
    const { traceId, spanId, traceFlags } = this.#identity;
    const sampled = (traceFlags & TraceFlags.SAMPLED) !== 0;
    const exemplar = sampled && this.#recording ? false : undefined;
    this.ids = trace.isSpanContextValid(this.#identity) ? { traceId, spanId, sampled, exemplar } : undefined;
  }

  /** The span as Effect sees it. */
  get effect(): Tracer.Span {
    const { setup } = this;
    return (this.#effect ??= setup.source.show(this.#otel!, effectOptions(setup)));
  }

  /** The context of the stage with its span active: agents expect each span to start inside its parent. */
  get inner(): OtelContext {
    return (this.#inner ??= trace.setSpan(this.setup.context, this.#otel ?? trace.wrapSpanContext(this.#identity)));
  }

  setAttributes(facts: SpanFields): void {
    if (facts.status !== undefined) this.#status = facts.status as RpcStatus;
    if (!this.#recording) return;
    this.#pending = addAttributes(this.#pending ?? {}, facts);
  }

  setBootPhases(phases: Readonly<Record<string, number>>): void {
    for (const [name, ms] of Object.entries(phases).slice(0, maxBootPhases)) {
      this.effect.attribute(`${attributes.bootPhase.name}.${name}`, ms);
    }
  }

  link(to: SpanIds): void {
    this.effect.addLinks([{ span: Tracer.externalSpan(to), attributes: {} }]);
  }

  get carrier(): TraceCarrier {
    return (this.#carrier ??= carrierOf(this.#identity, this.setup.context, this.setup.baggageKeys));
  }

  activate<Args extends Array<unknown>, A>(run: (...args: Args) => A, ...args: Args): A {
    return otelContext.with(this.inner, run, undefined, ...args);
  }

  within<R>(context: Context.Context<R>): Context.Context<R> {
    const { tag, custom, source } = this.setup;
    if (!containers.has(tag)) return context;
    const within = Context.add(context, Tracer.ParentSpan, this.effect);
    return tag === "handler" && custom === undefined ? Context.add(within, Tracer.Tracer, source.tracer) : within;
  }

  end(exit: Exit.Exit<unknown, unknown>): void {
    const { tag, times, startMs, startedAt } = this.setup;
    const { ids } = this;
    const otel = this.#otel;
    if (this.#recording) {
      const last = (this.#pending ??= {});
      if (ids?.exemplar === true) last[attributes.exemplar.name] = true;
      if (exit._tag === "Success" && (this.#status === undefined || this.#status === "OK")) {
        if (withStatus.has(tag)) last[attributes.status.name] = "OK";
      } else {
        this.#fail(exit, last);
      }
      if (otel !== undefined) otel.setAttributes(last);
      else for (const name in last) this.effect.attribute(name, last[name]);
    }
    if (ids !== undefined && ids.exemplar !== true) ids.exemplar = undefined;
    const endTime = times?.end();
    if (otel === undefined) return this.effect.end(endTime ?? 0n, exit);
    const shown = this.#effect as OtelBacked | undefined;
    if (shown !== undefined) {
      const { startTime } = shown.status;
      shown.status = {
        _tag: "Ended",
        startTime,
        endTime: endTime ?? startTime + nanos(performance.now() - startedAt),
        exit,
      };
    }
    otel.end(endTime === undefined ? hrTime(startMs + (performance.now() - startedAt)) : hrTimeOf(endTime));
  }

  /** Records why the stage did not succeed. */
  #fail(exit: Exit.Exit<unknown, unknown>, last: Attributes): void {
    const { tag, redact } = this.setup;
    const { status, failure } = outcomeOf(exit, this.#status);
    if (withStatus.has(tag)) last[attributes.status.name] = status;
    if (failure === undefined || !withErrors.has(tag)) return;
    addAttributes(last, failure.facts);
    if (tag !== "server" || isServerError(status))
      this.#otel?.setStatus({ code: SpanStatusCode.ERROR, message: redact(failure.message) });
  }
}
