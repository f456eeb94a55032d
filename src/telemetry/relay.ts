/**
 * The stages of a process that records no spans: one without an OpenTelemetry SDK, or with `telemetry.traces: false`.
 * As the API specification requires, the caller's trace context passes through. The runner receives what was active
 * where the call was made, and the handler sees, logs and sends on what the runner received.
 */
import { type Context as OtelContext, context as otelContext, trace } from "@opentelemetry/api";
import type * as Context from "effect/Context";
import type { TraceCarrier } from "../contract/wire/envelope.ts";
import { baggageIn, captureContext, carrierOf, emptyContext, fromCarrier, parentIn } from "./otel-context.ts";
import {
  type HostContext,
  noSpan,
  type SpanIds,
  type Stage,
  type StageSpan,
  type StageTracer,
  stageWith,
} from "./telemetry.ts";

/** Stands in for a Firelight span with the span of the caller. */
class RelayedSpan implements StageSpan {
  readonly ids: SpanIds | undefined;
  readonly #context: OtelContext;
  readonly #baggageKeys: ReadonlySet<string> | undefined;
  #carrier: TraceCarrier | undefined;

  constructor(context: OtelContext, baggageKeys: ReadonlySet<string> | undefined) {
    this.#context = context;
    this.#baggageKeys = baggageKeys;
    const parent = parentIn(context);
    this.ids = parent && { traceId: parent.traceId, spanId: parent.spanId, sampled: parent.sampled, relayed: true };
  }

  setAttributes(): void {}
  setBootPhases(): void {}
  link(): void {}

  get carrier(): TraceCarrier {
    return (this.#carrier ??= carrierOf(trace.getSpanContext(this.#context), this.#context, this.#baggageKeys));
  }

  activate<Args extends Array<unknown>, A>(run: (...args: Args) => A, ...args: Args): A {
    return otelContext.with(this.#context, run, undefined, ...args);
  }

  within<R>(context: Context.Context<R>): Context.Context<R> {
    return context;
  }

  end(): void {}
}

/** Returns the context that a stage passes on; `undefined` if it is empty. */
const contextOf = (stage: Stage): OtelContext | undefined => {
  switch (stage._tag) {
    case "call":
    case "map":
    case "attempt": {
      const context = (stage.host as OtelContext | undefined) ?? otelContext.active();
      return trace.getSpanContext(context) === undefined && baggageIn(context).length === 0 ? undefined : context;
    }
    case "server":
    case "handler":
      return stage.carrier.traceparent === undefined && stage.carrier.baggage === undefined
        ? undefined
        : fromCarrier(emptyContext(), stage.carrier, true);
    case "acquire":
    case "backoff":
    case "boot":
      return undefined;
  }
};

/**
 * Creates a tracer that relays contexts and records nothing. Only baggage with a key in `baggageKeys` is sent to
 * runners.
 */
export const makeRelay = (baggageKeys: ReadonlySet<string>): StageTracer => {
  const begin = (stage: Stage): StageSpan => {
    const context = contextOf(stage);
    if (context === undefined) return noSpan;
    const received = stage._tag === "server" || stage._tag === "handler";
    return new RelayedSpan(context, received ? undefined : baggageKeys);
  };
  return {
    capture: captureContext as unknown as () => HostContext,
    begin,
    stage: stageWith(begin),
    adopt: (carrier) => new RelayedSpan(fromCarrier(emptyContext(), carrier, true), undefined),
  };
};
