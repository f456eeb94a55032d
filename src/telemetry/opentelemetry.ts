/**
 * Records stages as spans. Every stage is an Effect span. It is exported by the OpenTelemetry provider that the host
 * registered, or by the Effect tracer of the running fiber. Without either, the caller's trace context is relayed
 * unchanged.
 *
 * A call belongs to the context of its caller, which may differ from the context that is active where its fiber runs.
 * So each stage keeps its OpenTelemetry context and passes it to the stages inside.
 */
import type { Context as OtelContext } from "@opentelemetry/api";
import { ROOT_CONTEXT, context as otelContext, trace } from "@opentelemetry/api";
import type * as Fiber from "effect/Fiber";
import * as Clock from "effect/Clock";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as References from "effect/References";
import * as Tracer from "effect/Tracer";
import type { SpanFields, SpanSpec } from "./catalog.ts";
import { RPC_SYSTEM, spans } from "./catalog.ts";
import { emptyContext, fromCarrier, parentIn } from "./otel-context.ts";
import { makeProviderTracer } from "./otel-provider.ts";
import { EffectStageSpan, factAttributes, isOtelBacked } from "./otel-span.ts";
import type { Redactor } from "./redaction.ts";
import { makeRedactor } from "./redaction.ts";
import { makeRelay } from "./relay.ts";
import type { HostContext, SpanIds, Stage, StageTracer } from "./telemetry.ts";

export interface OtelTracerOptions {
  /** Baggage keys that may travel to runners. */
  readonly baggageKeys: ReadonlyArray<string>;
  /** `false` records no spans even if a provider is registered. The caller's trace context is still relayed. */
  readonly enabled: boolean;
  /** Makes failure messages safe to record. Default: removes what looks like a secret. */
  readonly redact?: Redactor;
}

/** Stages that contain other spans. */
const containers: ReadonlySet<Stage["_tag"]> = new Set(["call", "map", "server", "handler"]);

/** The OpenTelemetry context of a stage, stored on its span for the stages inside. */
class StageContext extends Context.Service<StageContext, OtelContext>()("firelight/telemetry/StageContext") {}

/** The parent span and the context of a stage. */
interface SpanParent {
  readonly parent: Tracer.AnySpan | undefined;
  readonly context: OtelContext;
}

type AnyFiber = Fiber.Fiber<unknown, unknown>;

const hostContext = (host: HostContext | undefined): OtelContext | undefined => host as OtelContext | undefined;

/**
 * Returns the span around the fiber. Skips spans that disable propagation and, unless the user has a tracer, Effect's
 * in-memory spans: that parent would never be exported.
 */
const surrounding = (fiber: AnyFiber, custom: Tracer.Tracer | undefined): Tracer.AnySpan | undefined => {
  let span = fiber.cache.span;
  while (
    span !== undefined &&
    ((custom === undefined && span instanceof Tracer.NativeSpan) ||
      Context.get(span.annotations, Tracer.DisablePropagation))
  ) {
    span = span._tag === "Span" ? Option.getOrUndefined(span.parent) : undefined;
  }
  return span;
};

/**
 * Returns the context of the surrounding stage with its span active: agents expect each span to start inside its
 * parent.
 */
const inherited = (around: Tracer.AnySpan | undefined): OtelContext | undefined => {
  const context = around === undefined ? undefined : Context.getOrUndefined(around.annotations, StageContext);
  return context !== undefined && isOtelBacked(around!) ? trace.setSpan(context, around.span) : context;
};

const spanParentOf = (stage: Stage, around: Tracer.AnySpan | undefined): SpanParent => {
  if (stage._tag === "call" && stage.linkTo !== undefined) {
    return { context: trace.deleteSpan(hostContext(stage.host) ?? otelContext.active()), parent: undefined };
  }
  switch (stage._tag) {
    case "call":
    case "map":
    case "attempt": {
      const context = hostContext(stage.host) ?? inherited(around) ?? otelContext.active();
      return { context, parent: around ?? parentIn(context) };
    }
    case "acquire":
    case "backoff":
      return { context: inherited(around) ?? otelContext.active(), parent: around };
    case "boot":
      return { context: ROOT_CONTEXT, parent: undefined };
    case "server": {
      const context = fromCarrier(emptyContext(), stage.carrier, true);
      return { context, parent: parentIn(context) };
    }
    case "handler": {
      const context = inherited(around) ?? fromCarrier(emptyContext(), stage.carrier, true);
      return { context, parent: around ?? parentIn(context) };
    }
  }
};

const factsOf = (stage: Stage): SpanFields =>
  stage._tag === "call" || stage._tag === "server"
    ? { system: RPC_SYSTEM, method: stage.method, ...stage.facts }
    : stage.facts;

const linksOf = (stage: Stage): ReadonlyArray<SpanIds> => {
  if (stage._tag === "boot") return stage.links;
  return stage._tag === "call" && stage.linkTo !== undefined ? [stage.linkTo] : [];
};

const asLink = (ids: SpanIds): Tracer.SpanLink => ({ span: Tracer.externalSpan(ids), attributes: {} });

/**
 * The start of a span and a function that returns its end. Durations are monotonic even if the system clock is set in
 * between.
 */
interface SpanTimes {
  readonly start: bigint;
  readonly end: () => bigint;
}

const untimed: SpanTimes = { start: 0n, end: () => 0n };

const startTimes = (fiber: AnyFiber): SpanTimes => {
  if (!fiber.getRef(References.TracerTimingEnabled)) return untimed;
  const clock = fiber.getRef(Clock.Clock);
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
  const provider = makeProviderTracer();
  const redact = options.redact ?? makeRedactor([]);

  const customTracer = (fiber: AnyFiber): Tracer.Tracer | undefined => {
    const { tracer } = fiber.cache;
    return tracer === Tracer.nativeTracer || tracer === provider.tracer ? undefined : tracer;
  };

  const open = (
    fiber: AnyFiber,
    stage: Stage,
    custom: Tracer.Tracer | undefined,
    startTime: bigint,
  ): [Tracer.Span, EffectStageSpan] => {
    const { parent, context } = spanParentOf(stage, surrounding(fiber, custom));
    const spec: SpanSpec = spans[stage._tag];
    const facts = factAttributes(factsOf(stage));
    const spanOptions = {
      name: "method" in stage ? stage.method : spec.name,
      kind: spec.kind,
      parent: Option.fromUndefinedOr(parent),
      root: parent === undefined,
      sampled: parent?.sampled ?? true,
      annotations: Context.make(StageContext, context),
      links: [...fiber.getRef(References.TracerSpanLinks), ...linksOf(stage).map(asLink)],
      startTime,
    };
    const span =
      custom === undefined
        ? provider.startSpan({ context, attributes: facts }, spanOptions)
        : otelContext.with(context, () => custom.span(spanOptions));
    if (custom !== undefined) for (const name in facts) span.attribute(name, facts[name]);
    const annotations = fiber.getRef(References.TracerSpanAnnotations);
    for (const name in annotations) span.attribute(name, annotations[name]);
    const baggageKeys = stage._tag === "server" || stage._tag === "handler" ? undefined : allowed;
    return [span, new EffectStageSpan({ span, tag: stage._tag, context, baggageKeys, redact })];
  };

  const stage: StageTracer["stage"] = <A, E, R>(
    entered: Stage,
    run: Parameters<typeof relay.stage<A, E, R>>[1],
  ): Effect.Effect<A, E, R> =>
    Effect.withFiber<A, E, R>((fiber) => {
      const custom = customTracer(fiber);
      if ((custom === undefined && !provider.registered()) || !fiber.cache.tracerEnabled)
        return relay.stage(entered, run);
      const times = startTimes(fiber);
      const [span, stageSpan] = open(fiber, entered, custom, times.start);
      const body = Effect.suspend(() => run(stageSpan));
      const inside = containers.has(entered._tag)
        ? Effect.updateContext(body, (context: Context.Context<R>) => {
            const within = Context.add(context, Tracer.ParentSpan, span);
            const traced = entered._tag === "handler" && custom === undefined;
            return traced ? Context.add(within, Tracer.Tracer, provider.tracer) : within;
          })
        : body;
      return Effect.onExitPrimitive(inside, (exit) => {
        stageSpan.end(exit, times.end());
        return undefined;
      });
    });

  return { capture: relay.capture, stage, adopt: relay.adopt };
};
