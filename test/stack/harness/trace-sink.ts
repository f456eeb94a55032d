/**
 * Where the traces of a run go: through the shipped collector config into a receiver that
 * stands for Tempo and Loki, or straight there on a machine that has no collector.
 */
import { startReceiver } from "../../otel/otlp-receiver.ts";
import { haveCollector, startCollector } from "../running-collector.ts";
import type { ScrapeJob } from "./prometheus.ts";

export interface TraceSink extends AsyncDisposable {
  /** Where programs send to. */
  readonly otlpUrl: string;
  /** What Prometheus scrapes of the collector. */
  readonly jobs: ReadonlyArray<ScrapeJob>;
  /** The traces that would be in Tempo. */
  traceIds(): ReadonlySet<string>;
}

/** Starts it. */
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
