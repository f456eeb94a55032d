/** An OpenTelemetry SDK with an in-memory exporter, which is removed after each test. */
import { context, propagation, trace } from "@opentelemetry/api";
import { node, tracing } from "@opentelemetry/sdk-node";
import { Effect } from "effect";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import type { SpanFields } from "../../src/telemetry/catalog.ts";
import { makeOtelTracer } from "../../src/telemetry/opentelemetry.ts";
import type { HostContext, Stage, StageSpan } from "../../src/telemetry/telemetry.ts";

export type RecordedSpan = ReturnType<tracing.InMemorySpanExporter["getFinishedSpans"]>[number];

export interface Recorder {
  readonly exporter: tracing.InMemorySpanExporter;
  /** The only span with this name. */
  span(name: string): RecordedSpan;
  names(): ReadonlyArray<string>;
}

/** Registers a provider and, unless `contextManager` is false, a context manager. */
export const record = (options: { contextManager?: boolean; sampler?: tracing.Sampler } = {}): Recorder => {
  const exporter = new tracing.InMemorySpanExporter();
  const provider = new node.NodeTracerProvider({
    spanProcessors: [new tracing.SimpleSpanProcessor(exporter)],
    ...(options.sampler === undefined ? undefined : { sampler: options.sampler }),
  });
  trace.setGlobalTracerProvider(provider);
  if (options.contextManager !== false) context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  return {
    exporter,
    span: (name) => {
      const found = exporter.getFinishedSpans().filter((span) => span.name === name);
      if (found.length !== 1)
        throw new Error(
          `${found.length} spans are named ${name}: ${exporter.getFinishedSpans().map((span) => span.name)}`,
        );
      return found[0]!;
    },
    names: () => exporter.getFinishedSpans().map((span) => span.name),
  };
};

/** Unregisters every global of the OpenTelemetry API. */
export const forget = (): void => {
  trace.disable();
  context.disable();
  propagation.disable();
};

export const tracer = makeOtelTracer({ baggageKeys: ["tenant"], enabled: true });

/** A call stage as the client creates it: the host context is captured when the caller calls. */
export const callStage = (
  host: HostContext | undefined = tracer.capture(),
  facts: SpanFields = {},
  method = "billing/charge",
): Stage => ({
  _tag: "call",
  method,
  facts,
  host,
});

/** Runs `inside` as a call, with the caller's context. */
export const runCall = <A, E>(inside: (span: StageSpan) => Effect.Effect<A, E>, facts?: SpanFields): Promise<A> =>
  Effect.runPromise(tracer.stage(callStage(tracer.capture(), facts), inside));
