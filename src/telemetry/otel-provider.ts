/**
 * An Effect tracer whose spans go to the OpenTelemetry provider of the host, even if it is registered later. It uses
 * the spans of `@effect/opentelemetry` without that library's hook around every step of a fiber, which costs more than
 * the spans.
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

/** The context of a new span and the attributes that samplers see. */
export interface SpanOrigin {
  readonly context: OtelContext;
  readonly attributes: Attributes;
}

type SpanOptions = Parameters<Tracer.Tracer["span"]>[0];

/** Creates Effect spans from the registered provider. */
export interface ProviderTracer {
  /** Creates spans in the context of the fiber. */
  readonly tracer: Tracer.Tracer;
  /** Whether a provider is registered. Cheap enough to call for every stage. */
  registered(): boolean;
  /** Creates a span in the given context. */
  startSpan(origin: SpanOrigin, options: SpanOptions): Tracer.Span;
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

/** Creates a source of spans for the provider that is registered when a span starts. */
export const makeProviderTracer = (): ProviderTracer => {
  let source: unknown;
  let target: OtelTracer = trace.getTracer(scopeName);
  let origin: SpanOrigin | undefined;
  /** Whether the provider reads the parent from the active context instead of the argument. */
  let readsActiveContext = false;

  const startSpan = (name: string, options: OtelSpanOptions | undefined, context: OtelContext): OtelSpan =>
    target.startSpan(name, options, context);

  const bridge: OtelTracer = {
    startSpan: (name, options, context) => {
      if (origin === undefined) return target.startSpan(name, options, context);
      const within = withParent(origin.context, context);
      const all = { ...options, attributes: origin.attributes };
      return readsActiveContext
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
      if (current === noProvider) return false;
      if (current !== source) {
        source = current;
        target = provider.getTracer(scopeName);
        readsActiveContext = emptyContext() !== ROOT_CONTEXT;
      }
      return true;
    },
    startSpan: (at, options) => {
      origin = at;
      try {
        return spans.span(options);
      } finally {
        origin = undefined;
      }
    },
  };
};
