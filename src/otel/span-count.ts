/** Sends spans in batches and counts Firelight's own: how many are not sent yet, and how many are lost. */
import { type Context, TraceFlags } from "@opentelemetry/api";
import type * as SdkTrace from "@opentelemetry/sdk-trace";
import type { SpanExport } from "../contract/wire/span-export.ts";
import { scopeName } from "../telemetry/otel-context.ts";
import { batchSettings } from "./environment.ts";

type Done = Parameters<SdkTrace.SpanExporter["export"]>[1];

const countOurs = (spans: ReadonlyArray<SdkTrace.ReadableSpan>): number =>
  spans.reduce((count, span) => count + (span.instrumentationScope.name === scopeName ? 1 : 0), 0);

const defaultQueueSize = 2_048;
/** The SDK's `ExportResultCode.FAILED`. */
const failed: number = 1;

/** The SDK's batch processor with its own queue limit, so that spans that do not fit can be counted. */
export class CountingSpanProcessor implements SdkTrace.SpanProcessor {
  readonly #batch: SdkTrace.BatchSpanProcessor;
  readonly #exporter: SdkTrace.SpanExporter;
  readonly #queueSize: number;
  #seen = false;
  #queued = 0;
  #unsent = 0;
  #failed = 0;

  constructor({ BatchSpanProcessor }: Pick<typeof SdkTrace, "BatchSpanProcessor">, exporter: SdkTrace.SpanExporter) {
    this.#exporter = exporter;
    const settings = batchSettings("BSP");
    this.#queueSize = settings.maxQueueSize ?? defaultQueueSize;
    const counted: SdkTrace.SpanExporter = {
      export: (spans, done) => this.#export(spans, done),
      shutdown: () => exporter.shutdown(),
      forceFlush: async () => exporter.forceFlush?.(),
    };
    this.#batch = new BatchSpanProcessor({ ...settings, exporter: counted, maxQueueSize: this.#queueSize * 2 });
  }

  /**
   * The export state of Firelight's spans; unknown until the first one arrives, since another provider may have them.
   */
  get count(): SpanExport | undefined {
    return this.#seen ? { unsent: this.#unsent, failed: this.#failed } : undefined;
  }

  onStart(_span: SdkTrace.Span, _context: Context): void {}

  onEnd(span: SdkTrace.ReadableSpan): void {
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

  #export(spans: Array<SdkTrace.ReadableSpan>, done: Done): void {
    this.#queued -= spans.length;
    const count = countOurs(spans);
    this.#exporter.export(spans, (result) => {
      this.#unsent -= count;
      if ((result.code as number) === failed) this.#failed += count;
      done(result);
    });
  }
}
