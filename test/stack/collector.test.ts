/** One collector with the shipped config, which receives the telemetry of real calls from a real parent and its runners. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Scrape } from "../../examples/shared/prometheus-text.ts";
import { metrics as catalog } from "../../src/telemetry/catalog.ts";
import type { RunningCollector } from "../harness/collector.ts";
import { waitFor } from "../harness/wait-for.ts";
import type { Ledger } from "./fixtures/parent.ts";
import { type Filed, readFiled } from "./otlp-file.ts";
import { haveCollector, startCollector } from "./running-collector.ts";
import { runShop } from "./shop.ts";

const okCalls = 60;

let collector: RunningCollector | undefined;
let ledger: Ledger;
let filed: Filed;
let exposed: string;
let scrape: Scrape;
let own: Scrape;

describe.skipIf(!haveCollector)("a collector with otel/collector.yaml", () => {
  beforeAll(async () => {
    const running = await startCollector(["collector.yaml", "collector-file.yaml"]);
    collector = running;
    ledger = await runShop(running.otlpUrl, { OK_CALLS: String(okCalls) });
    const traces = Object.values(ledger.traces).flat().length;
    await waitFor(
      async () => {
        own = new Scrape(await running.ownMetrics());
        return own.sum("otelcol_processor_tail_sampling_global_count_traces_sampled_total") > traces;
      },
      {
        timeoutMs: 30_000,
        everyMs: 250,
        what: "a sampling decision on every trace, including that of the runner's boot",
      },
    );
    await waitFor(
      async () => {
        exposed = await running.metrics();
        scrape = new Scrape(exposed);
        filed = readFiled(running.written());
        const attempts = scrape.sum("traces_spanmetrics_calls_total", { span_name: "flame.attempt" });
        const sent = own.sum("otelcol_exporter_sent_spans_total", { exporter: "file" });
        own = new Scrape(await running.ownMetrics());
        return (
          attempts > okCalls &&
          scrape.sum("traces_service_graph_request_total") > okCalls &&
          filed.spans.length === sent
        );
      },
      { timeoutMs: 15_000, everyMs: 250, what: "span metrics, the service graph and the file" },
    );
  }, 120_000);

  afterAll(() => collector?.[Symbol.asyncDispose]());

  const exemplars = () => new Set([...ledger.scrape.matchAll(/# \{trace_id="(\w+)"/g)].map(([, id]) => id!));
  const traceIds = () => new Set(filed.spans.map(({ traceId }) => traceId));
  /** Traces with a span that was marked for an exemplar. A later exemplar of the same bucket may have replaced it. */
  const marked = () =>
    new Set(
      filed.spans.filter(({ attributes }) => attributes["flame.exemplar"] === true).map(({ traceId }) => traceId),
    );

  test("keeps every trace with a failure, a retry, a cold start or a slow call", () => {
    const { fails, recovers, cold, slow } = ledger.traces;
    expect([...fails, ...recovers, ...cold, ...slow].filter((id) => !traceIds().has(id))).toEqual([]);
  });

  test("keeps every trace that an exemplar of the parent's histograms links to", () => {
    expect(exemplars().size).toBeGreaterThan(3);
    expect([...exemplars()].filter((id) => !marked().has(id))).toEqual([]);
  });

  test("keeps no other trace with a base percentage of 0", () => {
    const unremarkable = ledger.traces.ok.filter((id) => !marked().has(id));
    expect(unremarkable.length).toBeGreaterThan(okCalls / 2);
    expect(unremarkable.filter((id) => traceIds().has(id))).toEqual([]);
  });

  test("samples with each policy exactly the traces that it is for", () => {
    const sampledBy = (policy: string) =>
      own.sum("otelcol_processor_tail_sampling_count_traces_sampled_total", { policy, decision: "sampled" });
    expect({ errors: sampledBy("errors"), retried: sampledBy("retried"), base: sampledBy("base") }).toEqual({
      errors: ledger.traces.fails.length + ledger.traces.recovers.length,
      retried: ledger.traces.recovers.length,
      base: 0,
    });
    expect(sampledBy("cold-start")).toBe(1);
    expect(sampledBy("exemplar")).toBe(marked().size);
    expect(sampledBy("slow")).toBeGreaterThanOrEqual(1);
  });

  test("keeps traces complete, from the call to the runner's handler", () => {
    const [trace] = ledger.traces.slow;
    const spans = filed.spans.filter(({ traceId }) => traceId === trace);
    const parentOf = (spanId: string) => spans.find((span) => span.spanId === spanId);
    const handler = spans.find(({ name }) => name === "flame.handler");
    const way = [];
    for (let span = handler; span !== undefined; span = parentOf(span.parentSpanId)) way.push(span.name);
    expect(way).toEqual(["flame.handler", "fates/slow", "flame.attempt", "fates/slow", "ask slow"]);
  });

  test("adds namespace and environment to all resources and keeps the attributes of SDKs", () => {
    for (const { resource } of [...filed.spans, ...filed.logs, ...filed.metrics]) {
      expect(resource).toMatchObject({
        "service.namespace": "firelight",
        "deployment.environment.name": "development",
      });
    }
    const runner = filed.spans.find(({ name }) => name === "flame.handler")!.resource;
    expect(runner).toMatchObject({
      "service.name": "shop-runner",
      "flame.pool.name": "default",
      "flame.runner.backend": "process",
    });
    expect(runner["service.instance.id"]).toMatch(/^default-/);
  });

  test("counts every span before sampling", () => {
    const calls = (service: string, kind: string, span: string) =>
      scrape.sum("traces_spanmetrics_calls_total", {
        service_name: service,
        span_kind: `SPAN_KIND_${kind}`,
        span_name: span,
      });
    expect({
      ok: calls("shop", "CLIENT", "fates/ok"),
      fails: calls("shop", "CLIENT", "fates/fails"),
      recovers: calls("shop", "CLIENT", "fates/recovers"),
      slow: calls("shop", "CLIENT", "fates/slow"),
      attempts: calls("shop", "CLIENT", "flame.attempt"),
      executions: calls("shop-runner", "SERVER", "fates/ok"),
    }).toEqual({
      ok: okCalls + 1,
      fails: 3,
      recovers: 2,
      slow: 1,
      attempts: okCalls + 1 + 3 + 4 + 1,
      executions: okCalls + 1,
    });
    expect(
      scrape.sum("traces_spanmetrics_calls_total", {
        span_kind: "SPAN_KIND_CLIENT",
        span_name: "fates/fails",
        status_code: "STATUS_CODE_ERROR",
      }),
    ).toBe(3);
  });

  test("adds no runner id to metrics that are derived from spans", () => {
    expect(scrape.values("traces_spanmetrics_calls_total", "instance")).toEqual([""]);
    expect(scrape.values("traces_service_graph_request_total", "instance")).toEqual([""]);
  });

  test("builds a service graph with one edge, from the parent to its runners, that counts every attempt", () => {
    expect(scrape.values("traces_service_graph_request_total", "client")).toEqual(["shop"]);
    expect(scrape.values("traces_service_graph_request_total", "server")).toEqual(["shop-runner"]);
    const edge = { client: "shop", server: "shop-runner", client_flame_pool_name: "default" };
    expect(scrape.sum("traces_service_graph_request_total", edge)).toBe(okCalls + 1 + 3 + 4 + 1);
    expect(scrape.sum("traces_service_graph_request_failed_total", edge)).toBe(3 + 2);
    expect(scrape.sum("traces_service_graph_request_server_seconds_count", edge)).toBe(okCalls + 1 + 3 + 4 + 1);
  });

  test("receives log records of both sides with their trace ids", () => {
    const tracesWith = (event: string) =>
      filed.logs.filter(({ eventName }) => eventName === event).map(({ traceId }) => traceId);
    expect(tracesWith("rpc.client.call.exception").toSorted()).toEqual([...ledger.traces.fails].sort());
    expect(tracesWith("rpc.server.call.exception").toSorted()).toEqual(
      [...ledger.traces.fails, ...ledger.traces.recovers].sort(),
    );
  });

  test("exposes metrics that the parent pushes with the catalog's names and the right values", () => {
    const ours = filed.metrics.filter(({ name, recorded }) => recorded && /^(flame|rpc)_/.test(name));
    const pushed = new Set(ours.map(({ name }) => name));
    const known = new Set(Object.values(catalog).map(({ name }) => name as string));
    expect(pushed.size).toBeGreaterThan(10);
    expect([...pushed].filter((name) => !known.has(name))).toEqual([]);
    const families = new Set([...exposed.matchAll(/^# TYPE (\S+)/gm)].map(([, family]) => family));
    expect([...pushed].filter((name) => !families.has(name.replace(/_total$/, "")))).toEqual([]);
    const shop = { rpc_method: "fates/ok", job: "firelight/shop" };
    expect(scrape.sum("rpc_client_call_duration_seconds_count", shop)).toBe(okCalls + 1);
  });

  test("exposes its own metrics with the names that dashboards query", () => {
    expect(own.sum("otelcol_receiver_accepted_spans_total")).toBeGreaterThan(okCalls);
    expect(own.sum("otelcol_exporter_sent_spans_total", { exporter: "file" })).toBe(filed.spans.length);
    expect(own.sum("otelcol_receiver_refused_spans_total")).toBe(0);
  });
});
