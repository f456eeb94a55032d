/** A load balancer in front of two collectors: each trace arrives complete at one of them. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Scrape } from "../../examples/shared/prometheus-text.ts";
import type { RunningCollector } from "../harness/collector.ts";
import { waitFor } from "../harness/wait-for.ts";
import type { Ledger } from "./fixtures/parent.ts";
import { type FiledSpan, readFiled } from "./otlp-file.ts";
import { haveCollector, startCollector } from "./running-collector.ts";
import { runShop } from "./shop.ts";

const okCalls = 40;
const everything = { FIRELIGHT_SAMPLE_PERCENT: "100" };

let running: ReadonlyArray<RunningCollector> = [];
let ledger: Ledger;
/** The spans that each collector of the second tier has kept. */
let spans: ReadonlyArray<ReadonlyArray<FiledSpan>>;
let scrapes: ReadonlyArray<Scrape>;

describe.skipIf(!haveCollector)("two collectors behind otel/collector-balancer.yaml", () => {
  beforeAll(async () => {
    const collectors = await Promise.all([
      startCollector(["collector.yaml", "collector-file.yaml"], everything),
      startCollector(["collector.yaml", "collector-file.yaml"], everything),
    ]);
    running = collectors;
    const balancer = await startCollector(["collector-balancer.yaml"], {
      FIRELIGHT_COLLECTORS: JSON.stringify(collectors.map(({ grpcAddress }) => grpcAddress)),
    });
    running = [...collectors, balancer];
    ledger = await runShop(balancer.otlpUrl, { OK_CALLS: String(okCalls) });
    const traces = new Set(Object.values(ledger.traces).flat());
    await waitFor(
      async () => {
        spans = collectors.map((collector) => readFiled(collector.written()).spans);
        scrapes = await Promise.all(collectors.map(async (collector) => new Scrape(await collector.metrics())));
        const edges = scrapes.map((scrape) => scrape.sum("traces_service_graph_request_total"));
        const attempts = edges.reduce((sum, count) => sum + count, 0);
        const kept = new Set(spans.flat().map(({ traceId }) => traceId));
        return [...traces].every((id) => kept.has(id)) && attempts === okCalls + 9;
      },
      { timeoutMs: 40_000, everyMs: 250, what: "every trace and every edge of the service graph on the second tier" },
    );
  }, 120_000);

  afterAll(async () => {
    for (const collector of running.toReversed()) await collector[Symbol.asyncDispose]();
  });

  test("share the traces", () => {
    for (const kept of spans) expect(kept.length).toBeGreaterThan(0);
  });

  test("never have spans of the same trace", () => {
    const [first, second] = spans.map((kept) => new Set(kept.map(({ traceId }) => traceId)));
    expect([...first!].filter((id) => second!.has(id))).toEqual([]);
  });

  test("have complete traces, with the spans of parent and runner", () => {
    for (const kept of spans) {
      const ids = new Set(kept.map(({ spanId }) => spanId));
      expect(kept.filter(({ parentSpanId }) => parentSpanId !== "" && !ids.has(parentSpanId))).toEqual([]);
    }
    const names = (trace: string) =>
      spans
        .flat()
        .filter(({ traceId }) => traceId === trace)
        .map(({ name }) => name);
    for (const trace of ledger.traces.ok) {
      expect(names(trace).sort()).toEqual(["ask ok", "fates/ok", "fates/ok", "flame.attempt", "flame.handler"]);
    }
  });

  test("have service graphs that sum to every attempt", () => {
    const edge = { client: "shop", server: "shop-runner" };
    const counts = scrapes.map((scrape) => scrape.sum("traces_service_graph_request_total", edge));
    expect(counts[0]! + counts[1]!).toBe(okCalls + 9);
  });

  test("have each pushed series on only one of them", () => {
    const calls = { rpc_method: "fates/ok" };
    const counts = scrapes.map((scrape) => scrape.sum("rpc_client_call_duration_seconds_count", calls));
    expect(counts.toSorted((left, right) => left - right)).toEqual([0, okCalls + 1]);
  });
});
