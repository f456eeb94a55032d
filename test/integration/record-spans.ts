/** Registers an OpenTelemetry SDK in this process, with an in-memory exporter, until the test ends. */
import { context, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { node, tracing } from "@opentelemetry/sdk-node";
import { onTestFinished } from "vitest";

export const recordSpans = (): tracing.InMemorySpanExporter => {
  const exporter = new tracing.InMemorySpanExporter();
  trace.setGlobalTracerProvider(
    new node.NodeTracerProvider({ spanProcessors: [new tracing.SimpleSpanProcessor(exporter)] }),
  );
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  onTestFinished(() => {
    trace.disable();
    context.disable();
    propagation.disable();
  });
  return exporter;
};
