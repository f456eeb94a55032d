/**
 * Records stages as spans. Every stage is an Effect span. It is exported by the OpenTelemetry provider that the host
 * registered, or by the Effect tracer of the running fiber. Without either, the caller's trace context is relayed
 * unchanged.
 *
 * A call belongs to the context of its caller, which may differ from the context that is active where its fiber runs.
 * So each stage keeps its OpenTelemetry context and passes it to the stages inside.
 */
import {
  type Attributes,
  type Context as OtelContext,
  context as otelContext,
  ROOT_CONTEXT,
  trace,
} from "@opentelemetry/api";
import * as Clock from "effect/Clock";
import * as Context from "effect/Context";
import * as Option from "effect/Option";
import * as References from "effect/References";
import * as Tracer from "effect/Tracer";
import { wallClockMs } from "../contract/wire/clock.ts";
import { attributes, RPC_SYSTEM, spans, type SpanSpec } from "./catalog.ts";
import { fromCarrier } from "./otel-context.ts";
import { makeSpanSource, type SpanSource } from "./otel-provider.ts";
import {
  addAttributes,
  type FiberTimes,
  hrTime,
  hrTimeOf,
  isOtelBacked,
  startInEffect,
  StageContext,
  type StageSetup,
  TracedStage,
} from "./otel-span.ts";
import { makeRedactor, type Redactor } from "./redaction.ts";
import { makeRelay } from "./relay.ts";
import { type AnyFiber, type SpanIds, type Stage, type StageTracer, stageWith } from "./telemetry.ts";

export interface OtelTracerOptions {
  /** Baggage keys that may travel to runners. */
  readonly baggageKeys: ReadonlyArray<string>;
  /** `false` records no spans even if a provider is registered. The caller's trace context is still relayed. */
  readonly enabled: boolean;
  /** Makes failure messages safe to record. Default: removes what looks like a secret. */
  readonly redact?: Redactor;
}

/** Stages that are in no other stage of their fiber. */
const isAlone = (stage: Stage): boolean =>
  stage._tag === "boot" || stage._tag === "server" || (stage._tag === "call" && stage.linkTo !== undefined);

/** The user's own tracer in a fiber. */
const customTracer = ({ cache }: AnyFiber, source: SpanSource): Tracer.Tracer | undefined =>
  cache.tracer === Tracer.nativeTracer || cache.tracer === source.tracer ? undefined : cache.tracer;

/**
 * Returns the span around a stage in a fiber. Skips spans that disable propagation and, unless the user has a tracer,
 * Effect's in-memory spans: that parent would never be exported.
 */
const surrounding = (stage: Stage, fiber: AnyFiber, custom: Tracer.Tracer | undefined): Tracer.AnySpan | undefined => {
  let span = isAlone(stage) ? undefined : fiber.cache.span;
  while (
    span !== undefined &&
    ((custom === undefined && span instanceof Tracer.NativeSpan) ||
      Context.get(span.annotations, Tracer.DisablePropagation))
  ) {
    span = span._tag === "Span" ? Option.getOrUndefined(span.parent) : undefined;
  }
  return span;
};

/** The links of a stage that continues the work of others. */
const linksOf = (stage: Stage, fiber: AnyFiber): ReadonlyArray<Tracer.SpanLink> => {
  const linked: ReadonlyArray<SpanIds> =
    stage._tag === "boot" ? stage.links : stage._tag === "call" && stage.linkTo !== undefined ? [stage.linkTo] : [];
  return [
    ...fiber.getRef(References.TracerSpanLinks),
    ...linked.map((ids) => ({ span: Tracer.externalSpan(ids), attributes: {} })),
  ];
};

const noLinks: ReadonlyArray<Tracer.SpanLink> = [];

/** The clock of fibers that have no clock of their own. */
const defaultClock = Context.get(Context.empty(), Clock.Clock);

const untimed: FiberTimes = { start: 0n, end: () => 0n };

/** The times of a span by the clock of a fiber; `undefined` where that is the clock of the process. */
const timesOf = (fiber: AnyFiber, custom: Tracer.Tracer | undefined): FiberTimes | undefined => {
  if (!fiber.getRef(References.TracerTimingEnabled)) return untimed;
  const clock = fiber.getRef(Clock.Clock);
  if (clock === defaultClock && custom === undefined) return undefined;
  const start = clock.currentTimeNanosUnsafe();
  const startedAt = clock.monotonicTimeNanosUnsafe();
  return { start, end: () => start + (clock.monotonicTimeNanosUnsafe() - startedAt) };
};

/**
 * Creates a tracer for Firelight's stages. It looks up the provider for every stage, so it also finds one that the host
 * registers later.
 */
export const makeOtelTracer = (options: OtelTracerOptions): StageTracer => {
  const allowed: ReadonlySet<string> = new Set(options.baggageKeys);
  const relay = makeRelay(allowed);
  if (!options.enabled) return relay;
  const source = makeSpanSource();
  const redact = options.redact ?? makeRedactor([]);

  /** The context of a stage that is not begun in another one, with its parent active. */
  const startContext = (stage: Stage, around: Tracer.AnySpan | undefined): OtelContext => {
    const inner = around && Context.getOrUndefined(around.annotations, StageContext);
    let context: OtelContext;
    let isRoot = false;
    switch (stage._tag) {
      case "call":
      case "map":
      case "attempt":
        context = (stage.host as OtelContext | undefined) ?? inner ?? otelContext.active();
        isRoot = "linkTo" in stage && stage.linkTo !== undefined;
        break;
      case "acquire":
      case "backoff":
        context = inner ?? otelContext.active();
        isRoot = true;
        break;
      case "handler":
        context = inner ?? fromCarrier(source.rootContext(), stage.carrier, true);
        break;
      case "server":
        return fromCarrier(source.rootContext(), stage.carrier, true);
      case "boot":
        return ROOT_CONTEXT;
    }
    if (around !== undefined) return isOtelBacked(around) ? trace.setSpan(context, around.span) : context;
    const parent = trace.getSpanContext(context);
    return parent !== undefined && (isRoot || !trace.isSpanContextValid(parent)) ? trace.deleteSpan(context) : context;
  };

  const begin: StageTracer["begin"] = (stage, fiber, outer) => {
    const within = outer instanceof TracedStage ? outer : undefined;
    const custom = within === undefined ? fiber && customTracer(fiber, source) : within.setup.custom;
    if ((custom === undefined && !source.registered()) || fiber?.cache.tracerEnabled === false)
      return relay.begin(stage);
    const tag = stage._tag;
    const { name, kind }: SpanSpec = spans[tag];
    const links = fiber === undefined ? noLinks : linksOf(stage, fiber);
    const around = within === undefined && fiber !== undefined ? surrounding(stage, fiber, custom) : undefined;
    const startMs = wallClockMs();
    const times = fiber && timesOf(fiber, custom);
    const setup: StageSetup = {
      tag,
      name: "method" in stage ? stage.method : name,
      kind,
      context: within === undefined ? startContext(stage, around) : within.inner,
      outer: within,
      around,
      links,
      startMs,
      startedAt: performance.now(),
      startTime: times === undefined ? hrTime(startMs) : hrTimeOf(times.start),
      times,
      custom,
      baggageKeys: tag === "server" || tag === "handler" ? undefined : allowed,
      source,
      redact,
    };
    const facts: Attributes = {};
    if ("method" in stage) {
      facts[attributes.system.name] = RPC_SYSTEM;
      facts[attributes.method.name] = stage.method;
    }
    addAttributes(facts, stage.facts);
    const direct = custom === undefined && links.length === 0 && (around === undefined || isOtelBacked(around));
    const started = new TracedStage(setup, direct ? source.start(setup, facts) : startInEffect(setup, facts));
    const annotations = fiber?.getRef(References.TracerSpanAnnotations);
    for (const key in annotations) started.effect.attribute(key, annotations[key]);
    return started;
  };

  return { capture: relay.capture, begin, stage: stageWith(begin), adopt: relay.adopt };
};
