/**
 * Receives the traces of a run: through the shipped collector config into a receiver in the role of Tempo and Loki, or
 * directly if there is no collector.
 */
import { startReceiver } from "../../otel/otlp-receiver.ts";
import { haveCollector, startCollector } from "../running-collector.ts";
import type { ScrapeJob } from "./prometheus.ts";

export interface TraceSink extends AsyncDisposable {
  /** OTLP over HTTP, for programs. */
  readonly otlpUrl: string;
  /** Scrape targets of the collector. */
  readonly jobs: ReadonlyArray<ScrapeJob>;
  /** The traces that arrived. */
  traceIds(): ReadonlySet<string>;
}

/** Starts a trace sink. */
export const startTraceSink = async (): Promise<TraceSink> => {
  const receiver = await startReceiver();
  const traceIds = (): ReadonlySet<string> => new Set(receiver.spans.map(({ traceId }) => traceId));
  const stop = (): PromiseLike<void> => receiver[Symbol.asyncDispose]();
  if (!haveCollector) return { otlpUrl: receiver.url, jobs: [], traceIds, [Symbol.asyncDispose]: stop };

  const collector = await startCollector(["collector.yaml"], {
    FIRELIGHT_TEMPO_URL: receiver.url,
    FIRELIGHT_LOKI_URL: receiver.url,
  });
  return {
    otlpUrl: collector.otlpUrl,
    jobs: [
      { job: "spans", url: collector.metricsUrl, honorLabels: true },
      { job: "collector", url: collector.ownMetricsUrl },
    ],
    traceIds,
    [Symbol.asyncDispose]: async () => {
      await collector[Symbol.asyncDispose]();
      await stop();
    },
  };
};
