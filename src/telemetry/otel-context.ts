/**
 * Reads and builds OpenTelemetry contexts: the one active in the host, the one received from a carrier, and variants
 * without tracing.
 */
import { makeExternalSpan } from "@effect/opentelemetry/OtelTracer";
import {
  type BaggageEntry,
  baggageEntryMetadataFromString,
  type Context as OtelContext,
  context as otelContext,
  createContextKey,
  createTraceState,
  propagation,
  type SpanContext,
  trace,
} from "@opentelemetry/api";
import type * as Tracer from "effect/Tracer";
import type { TraceCarrier } from "../contract/wire/envelope.ts";
import { currentInvocation } from "../contract/api/invocation.ts";
import { inNoContext } from "./no-context.ts";
import {
  type BaggageMember,
  boundTracestate,
  formatBaggage,
  formatTraceparent,
  parseBaggage,
  parseTraceparent,
} from "./propagation.ts";

/** The instrumentation scope of Firelight's own spans. */
export const scopeName = "firelight";

/** The key that turns tracing off in every OpenTelemetry SDK. The API returns the same symbol for the same name. */
const suppressTracing = createContextKey("OpenTelemetry SDK Context Key SUPPRESS_TRACING");

/** Returns a context in which instrumentations record no spans. */
export const suppressed = (context: OtelContext): OtelContext => context.setValue(suppressTracing, true);

const activeContext = (): OtelContext => otelContext.active();

/**
 * Returns the context in which nothing is active. It comes from the context manager: some agents keep extra state in
 * their contexts and lose it in one derived from `ROOT_CONTEXT`.
 */
export const emptyContext = (): OtelContext => inNoContext(activeContext);

const baggageEntry = ({ value, metadata }: BaggageMember): BaggageEntry =>
  metadata === undefined ? { value } : { value, metadata: baggageEntryMetadataFromString(metadata) };

/**
 * Returns `base` with the span and the baggage of a carrier in place of its own. A malformed `traceparent` counts as no
 * span.
 */
export const fromCarrier = (base: OtelContext, carrier: TraceCarrier, isRemote: boolean): OtelContext => {
  const members = carrier.baggage === undefined ? [] : parseBaggage(carrier.baggage);
  const context =
    members.length === 0
      ? propagation.deleteBaggage(base)
      : propagation.setBaggage(
          base,
          propagation.createBaggage(Object.fromEntries(members.map((member) => [member.key, baggageEntry(member)]))),
        );
  const parent = parseTraceparent(carrier.traceparent);
  if (parent === undefined) return trace.deleteSpan(context);
  const tracestate = carrier.tracestate === undefined ? undefined : boundTracestate(carrier.tracestate);
  return trace.setSpanContext(context, {
    traceId: parent.traceId,
    spanId: parent.spanId,
    traceFlags: parent.flags,
    isRemote,
    ...(tracestate === undefined ? undefined : { traceState: createTraceState(tracestate) }),
  });
};

/**
 * Returns the context that is active in the caller's stack. Without an active span, as in a process without a context
 * manager, a call made inside a handler still continues that handler's trace.
 */
export const captureContext = (): OtelContext => {
  const active = otelContext.active();
  if (trace.getSpan(active) !== undefined) return active;
  const carrier = currentInvocation.getStore()?.trace;
  return carrier?.traceparent === undefined && carrier?.baggage === undefined
    ? active
    : fromCarrier(active, carrier, false);
};

/** Returns the active span of a context as the parent for an Effect span. */
export const parentIn = (context: OtelContext): Tracer.ExternalSpan | undefined => {
  const span = trace.getSpanContext(context);
  return span === undefined || !trace.isSpanContextValid(span) ? undefined : makeExternalSpan(span);
};

/** Returns the baggage of a context. */
export const baggageIn = (context: OtelContext): ReadonlyArray<BaggageMember> =>
  (propagation.getBaggage(context)?.getAllEntries() ?? []).map(([key, { value, metadata }]) =>
    metadata === undefined ? { key, value } : { key, value, metadata: metadata.toString() },
  );

/** Returns the headers that carry a span and the baggage of a context. Without `baggageKeys`, all baggage is sent. */
export const carrierOf = (
  span: SpanContext | undefined,
  context: OtelContext,
  baggageKeys: ReadonlySet<string> | undefined,
): TraceCarrier => {
  const carrier: { -readonly [Key in keyof TraceCarrier]: TraceCarrier[Key] } = {};
  const traceparent = span && formatTraceparent({ traceId: span.traceId, spanId: span.spanId, flags: span.traceFlags });
  if (traceparent !== undefined) {
    carrier.traceparent = traceparent;
    const tracestate = span?.traceState && boundTracestate(span.traceState.serialize());
    if (tracestate !== undefined) carrier.tracestate = tracestate;
  }
  if (propagation.getBaggage(context) !== undefined) {
    const baggage = formatBaggage(baggageIn(context), baggageKeys);
    if (baggage !== undefined) carrier.baggage = baggage;
  }
  return carrier;
};
