/**
 * Starts spans of the OpenTelemetry provider of the host, even if it is registered later, and shows them to Effect. The
 * Effect spans are those of `@effect/opentelemetry`, without that library's hook around every step of a fiber, which
 * costs more than the spans.
 */
import { OtelTracer as OtelTracerService, make } from "@effect/opentelemetry/OtelTracer";
import {
  type Attributes,
  type Context as OtelContext,
  context as otelContext,
  type HrTime,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  type Span as OtelSpan,
  SpanKind,
  trace,
  type Tracer as OtelTracer,
} from "@opentelemetry/api";
import * as Effect from "effect/Effect";
import * as Tracer from "effect/Tracer";
import { emptyContext, scopeName } from "./otel-context.ts";

type EffectSpanOptions = Parameters<Tracer.Tracer["span"]>[0];

const spanKinds = { client: SpanKind.CLIENT, server: SpanKind.SERVER, internal: SpanKind.INTERNAL } as const;

/** What a span is started with. */
export interface StartedStage {
  readonly name: string;
  readonly kind: keyof typeof spanKinds;
  readonly context: OtelContext;
  readonly startTime: HrTime;
}

/** Spans from the registered provider. */
export interface SpanSource {
  /** An Effect tracer that creates spans in the context of the fiber. */
  readonly tracer: Tracer.Tracer;
  /** Whether a provider is registered. Cheap enough to call for every stage. */
  registered(): boolean;
  /** The context in which nothing is active. */
  rootContext(): OtelContext;
  /** Starts the span of a stage whose parent is the active span of its context. */
  start(stage: StartedStage, attributes: Attributes): OtelSpan;
  /** Starts a span whose parent is the one that Effect chose, in the given context. */
  startUnder(options: EffectSpanOptions, attributes: Attributes, context: OtelContext): Tracer.Span;
  /** Shows a started span to Effect. */
  show(span: OtelSpan, options: EffectSpanOptions): Tracer.Span;
}

/** The API's delegate while no provider is registered. */
const noProvider = new ProxyTracerProvider().getDelegate();

/**
 * Returns the context of the new span with the parent that Effect chose. A parent that is already in the context keeps
 * its identity.
 */
const withParent = (context: OtelContext, chosen: OtelContext | undefined): OtelContext => {
  const parent = chosen === undefined ? undefined : trace.getSpan(chosen);
  if (parent === undefined) return trace.deleteSpan(context);
  return trace.getSpanContext(context)?.spanId === parent.spanContext().spanId
    ? context
    : trace.setSpan(context, parent);
};

/** Creates a source of spans from the provider that is registered when a span starts. */
export const makeSpanSource = (): SpanSource => {
  let provider: unknown;
  let target: OtelTracer = trace.getTracer(scopeName);
  /** Whether the provider reads the parent from the active context instead of the argument. */
  let readsActiveContext = false;
  /** Replaces the start of the next span that Effect's library makes. */
  let instead: OtelTracer["startSpan"] | undefined;

  const startSpan: OtelTracer["startSpan"] = (name, options, context) => target.startSpan(name, options, context);

  const startIn: OtelTracer["startSpan"] = (name, options, context = ROOT_CONTEXT) =>
    readsActiveContext
      ? otelContext.with(context, startSpan, undefined, name, options, context)
      : target.startSpan(name, options, context);

  const bridge: OtelTracer = {
    startSpan: (name, options, context) => (instead ?? startSpan)(name, options, context),
    startActiveSpan: (...args: ReadonlyArray<unknown>) => Reflect.apply(target.startActiveSpan, target, args),
  };
  const library = Effect.runSync(Effect.provideService(make, OtelTracerService, bridge));

  const makeSpan = (started: OtelTracer["startSpan"], options: EffectSpanOptions): Tracer.Span => {
    instead = started;
    try {
      return library.span(options);
    } finally {
      instead = undefined;
    }
  };

  return {
    tracer: Tracer.make({ span: (options) => library.span(options) }),
    registered: () => {
      const registered = trace.getTracerProvider();
      const current = registered instanceof ProxyTracerProvider ? registered.getDelegate() : registered;
      if (current === noProvider) return false;
      if (current !== provider) {
        provider = current;
        target = registered.getTracer(scopeName);
        readsActiveContext = emptyContext() !== ROOT_CONTEXT;
      }
      return true;
    },
    rootContext: () => (readsActiveContext ? emptyContext() : ROOT_CONTEXT),
    start: ({ name, kind, context, startTime }, attributes) => {
      const options = { kind: spanKinds[kind], attributes, startTime };
      return readsActiveContext ? startIn(name, options, context) : target.startSpan(name, options, context);
    },
    startUnder: (options, attributes, context) =>
      makeSpan((name, given, chosen) => startIn(name, { ...given, attributes }, withParent(context, chosen)), options),
    show: (span, options) => makeSpan(() => span, options),
  };
};
