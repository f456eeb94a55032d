/**
 * The Effect tracer whose spans go to the OpenTelemetry provider that the host
 * registered, whenever it did. Made of `@effect/opentelemetry`'s spans without its
 * hook around every step of a fiber, which costs more than the spans themselves.
 */
import { OtelTracer as OtelTracerService, make } from "@effect/opentelemetry/OtelTracer";
import type {
  Attributes,
  Context as OtelContext,
  Span as OtelSpan,
  SpanOptions as OtelSpanOptions,
  Tracer as OtelTracer,
} from "@opentelemetry/api";
import { ProxyTracerProvider, ROOT_CONTEXT, context as otelContext, trace } from "@opentelemetry/api";
import * as Effect from "effect/Effect";
import * as Tracer from "effect/Tracer";
import { emptyContext, scopeName } from "./otel-context.ts";

/** Where a span is born: its context, and the attributes that samplers are to see. */
export interface Birth {
  readonly context: OtelContext;
  readonly attributes: Attributes;
}

type SpanOptions = Parameters<Tracer.Tracer["span"]>[0];

/** The registered provider, as a source of Effect spans. */
export interface ProviderTracer {
  /** Makes spans where the fiber is. */
  readonly tracer: Tracer.Tracer;
  /** Whether a provider is registered now. Cheap enough to be asked for every stage. */
  registered(): boolean;
  /** Makes a span in a context of its own. */
  startSpan(birth: Birth, options: SpanOptions): Tracer.Span;
}

/** What the API delegates to as long as no provider is registered. */
const nobody = new ProxyTracerProvider().getDelegate();

/** The birth context, with the parent that Effect chose. A span that is there already stays the object that it is. */
const withParent = (context: OtelContext, chosen: OtelContext | undefined): OtelContext => {
  const parent = chosen === undefined ? undefined : trace.getSpan(chosen);
  if (parent === undefined) return trace.deleteSpan(context);
  return trace.getSpanContext(context)?.spanId === parent.spanContext().spanId
    ? context
    : trace.setSpan(context, parent);
};

/** A source of spans for whatever provider is registered when a span starts. */
export const makeProviderTracer = (): ProviderTracer => {
  let source: unknown;
  let target: OtelTracer = trace.getTracer(scopeName);
  let birth: Birth | undefined;
  /** Whether whoever registered looks for the parent of a span in the active context, and not where it is named. */
  let asksActive = false;

  const startSpan = (name: string, options: OtelSpanOptions | undefined, context: OtelContext): OtelSpan =>
    target.startSpan(name, options, context);

  const bridge: OtelTracer = {
    startSpan: (name, options, context) => {
      if (birth === undefined) return target.startSpan(name, options, context);
      const within = withParent(birth.context, context);
      const all = { ...options, attributes: birth.attributes };
      return asksActive
        ? otelContext.with(within, startSpan, undefined, name, all, within)
        : target.startSpan(name, all, within);
    },
    startActiveSpan: (...args: ReadonlyArray<unknown>) => Reflect.apply(target.startActiveSpan, target, args),
  };
  const spans = Effect.runSync(Effect.provideService(make, OtelTracerService, bridge));

  return {
    tracer: Tracer.make({ span: (options) => spans.span(options) }),
    registered: () => {
      const provider = trace.getTracerProvider();
      const current = provider instanceof ProxyTracerProvider ? provider.getDelegate() : provider;
      if (current === nobody) return false;
      if (current !== source) {
        source = current;
        target = provider.getTracer(scopeName);
        asksActive = emptyContext() !== ROOT_CONTEXT;
      }
      return true;
    },
    startSpan: (at, options) => {
      birth = at;
      try {
        return spans.span(options);
      } finally {
        birth = undefined;
      }
    },
  };
};
