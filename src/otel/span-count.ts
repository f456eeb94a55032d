/**
 * Spans on their way out, in batches and counted: how many of Firelight's own have not
 * been sent yet, and how many never will be.
 */
import type { Context } from "@opentelemetry/api";
import { TraceFlags } from "@opentelemetry/api";
import { core, tracing } from "@opentelemetry/sdk-node";
import type { SpanExport } from "../contract/span-export.ts";
import { scopeName } from "../telemetry/otel-context.ts";

type Done = Parameters<tracing.SpanExporter["export"]>[1];

const countOurs = (spans: ReadonlyArray<tracing.ReadableSpan>): number =>
  spans.reduce((count, span) => count + (span.instrumentationScope.name === scopeName ? 1 : 0), 0);

const defaultQueueSize = 2_048;

/** Most spans that wait to be sent, as for any batch processor of the SDK. */
const queueSize = (): number => {
  const value = Number(process.env["OTEL_BSP_MAX_QUEUE_SIZE"]);
  return value > 0 ? value : defaultQueueSize;
};

/** The SDK's batch processor, with the bound of its queue kept here, where what does not fit can be counted. */
export class CountingSpanProcessor implements tracing.SpanProcessor {
  readonly #batch: tracing.BatchSpanProcessor;
  readonly #exporter: tracing.SpanExporter;
  readonly #queueSize = queueSize();
  #seen = false;
  #queued = 0;
  #unsent = 0;
  #failed = 0;

  constructor(exporter: tracing.SpanExporter) {
    this.#exporter = exporter;
    const counted: tracing.SpanExporter = {
      export: (spans, done) => this.#export(spans, done),
      shutdown: () => exporter.shutdown(),
      forceFlush: async () => exporter.forceFlush?.(),
    };
    this.#batch = new tracing.BatchSpanProcessor(counted, { maxQueueSize: this.#queueSize * 2 });
  }

  /** Where Firelight's spans are; unknown as long as none came, which may be because another provider has them. */
  get count(): SpanExport | undefined {
    return this.#seen ? { unsent: this.#unsent, failed: this.#failed } : undefined;
  }

  onStart(_span: tracing.Span, _context: Context): void {}

  onEnd(span: tracing.ReadableSpan): void {
    if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return;
    const isOurs = span.instrumentationScope.name === scopeName;
    this.#seen ||= isOurs;
    if (this.#queued >= this.#queueSize) {
      if (isOurs) this.#failed += 1;
      return;
    }
    this.#queued += 1;
    if (isOurs) this.#unsent += 1;
    this.#batch.onEnd(span);
  }

  forceFlush(): Promise<void> {
    return this.#batch.forceFlush();
  }

  shutdown(): Promise<void> {
    return this.#batch.shutdown();
  }

  #export(spans: Array<tracing.ReadableSpan>, done: Done): void {
    this.#queued -= spans.length;
    const count = countOurs(spans);
    this.#exporter.export(spans, (result) => {
      this.#unsent -= count;
      if (result.code !== core.ExportResultCode.SUCCESS) this.#failed += count;
      done(result);
    });
  }
}
