/** Telemetry that is queued for a back end is on disk and survives a crash of the collector. */
import { describe, expect, test } from "vitest";
import { freePort } from "../harness/collector.ts";
import { Scrape } from "../../examples/shared/prometheus-text.ts";
import { waitFor } from "../harness/wait-for.ts";
import { startReceiver } from "../otel/otlp-receiver.ts";
import { haveCollector, startCollector } from "./running-collector.ts";
import { runShop } from "./shop.ts";

describe.skipIf(!haveCollector)("a collector with otel/collector.yaml whose back ends are down", () => {
  test("delivers every queued trace and log record after SIGKILL and a restart", async () => {
    const port = await freePort();
    await using collector = await startCollector(["collector.yaml"], {
      FIRELIGHT_TEMPO_URL: `http://127.0.0.1:${port}`,
      FIRELIGHT_LOKI_URL: `http://127.0.0.1:${port}/otlp`,
      FIRELIGHT_SAMPLE_PERCENT: "100",
    });
    const { traces } = await runShop(collector.otlpUrl, { OK_CALLS: "5" });
    const made = Object.values(traces).flat();
    await waitFor(
      async () => {
        const own = new Scrape(await collector.ownMetrics());
        const queued = (exporter: string) => own.sum("otelcol_exporter_queue_size", { exporter });
        const decided = own.sum("otelcol_processor_tail_sampling_global_count_traces_sampled_total");
        return decided > made.length && queued("otlp_http/tempo") > 0 && queued("otlp_http/loki") > 0;
      },
      { timeoutMs: 30_000, everyMs: 250, what: "a sampling decision on every trace, and data in both queues" },
    );

    collector.process.kill("SIGKILL");
    await collector.process.exited;
    await using backEnds = await startReceiver(port);
    expect(backEnds.spans).toEqual([]);
    await collector.restart();

    await waitFor(() => made.every((id) => backEnds.spans.some(({ traceId }) => traceId === id)), {
      timeoutMs: 30_000,
      what: "every trace at the back end",
    });
    const failures = () => backEnds.logs.filter(({ event }) => event === "rpc.client.call.exception");
    await waitFor(() => failures().length >= traces.fails.length, {
      timeoutMs: 30_000,
      what: "the log records of the failed calls at the back end",
    });
    expect(new Set(failures().map(({ traceId }) => traceId))).toEqual(new Set(traces.fails));
    expect([...new Set(backEnds.paths)].sort()).toEqual(["/otlp/v1/logs", "/v1/traces"]);
  });
});
