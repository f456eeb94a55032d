/**
 * The Effect tracer whose spans go to the OpenTelemetry provider that the host
 * registered, whenever it did. Made of `@effect/opentelemetry`'s spans without its
 * hook around every step of a fiber, which costs more than the spans themselves.
 */
import { OtelTracer as OtelTracerService, make } from "@effect/opentelemetry/OtelTracer";
import type { Attributes, Context as OtelContext, Tracer as OtelTracer } from "@opentelemetry/api";
import { ProxyTracerProvider, trace } from "@opentelemetry/api";
import { Effect, Tracer } from "effect";
import { scopeName } from "./otel-context.ts";

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

  const bridge: OtelTracer = {
    startSpan: (name, options, context) =>
      birth === undefined
        ? target.startSpan(name, options, context)
        : target.startSpan(name, { ...options, attributes: birth.attributes }, withParent(birth.context, context)),
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
