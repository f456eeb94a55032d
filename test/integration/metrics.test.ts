/** Compares metrics, scraped over HTTP, with a ledger of the calls that were made. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { type Labels, Scrape } from "../../examples/shared/prometheus-text.ts";
import { metrics as catalog } from "../../src/telemetry/catalog.ts";
import type { Flame } from "../../src/flame.ts";
import { waitFor } from "../harness/wait-for.ts";
import { Probe } from "./fixtures/services.ts";
import { withRunners } from "./setup.ts";

/** Serves the metrics as a user's service does, and scrapes them as Prometheus does. */
const scrape = async (flame: Flame): Promise<Scrape> => {
  const server = createServer((_request, response) => {
    void flame
      .metrics()
      .then((text) => response.writeHead(200, { "content-type": flame.metrics.contentType }).end(text));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`);
  const text = await response.text();
  server.closeAllConnections();
  server.close();
  expect(response.headers.get("content-type")).toContain("openmetrics");
  return new Scrape(text);
};

/** Records outcomes and durations of the calls that a test makes. */
class Ledger {
  readonly outcomes = new Map<string, number>();
  durationSeconds = 0;

  async call(method: string, run: () => Promise<unknown>): Promise<void> {
    const startedAt = performance.now();
    const outcome = await run().then(
      () => "OK",
      (error: { status: string }) => error.status,
    );
    this.durationSeconds += (performance.now() - startedAt) / 1000;
    const key = `${method} ${outcome}`;
    this.outcomes.set(key, (this.outcomes.get(key) ?? 0) + 1);
  }

  get calls(): number {
    return [...this.outcomes.values()].reduce((sum, count) => sum + count, 0);
  }
}

test("every metric agrees with the ledger of the calls that were made", async () => {
  const { flame } = await withRunners({ max: 2, maxConcurrency: 2 });
  const before = await scrape(flame);
  const ledger = new Ledger();
  await Promise.all(Array.from({ length: 12 }, (_, i) => ledger.call("probe/add", () => Probe.add(i, 1))));
  await ledger.call("probe/decline", () => Probe.decline());
  await ledger.call("probe/crash", () => Probe.crash());
  await ledger.call("probe/slow", () => Probe.slow.with({ timeoutMs: 80 })(60_000));
  await ledger.call("probe/slow", () => Probe.slow.with({ signal: AbortSignal.timeout(80) })(60_000));
  await ledger.call("probe/dieFirst", () => Probe.dieFirst.with({ retry: { maxAttempts: 3, baseDelayMs: 5 } })());
  let samples = before;
  const grown = (name: string, labels?: Labels) => samples.sum(name, labels) - before.sum(name, labels);
  const crashes = () => grown("flame_runner_terminations_total", { reason: "crash" });
  const seeCrash = async (): Promise<boolean> => {
    samples = await scrape(flame);
    return crashes() > 0;
  };
  await waitFor(seeCrash, { what: "the killed runner to be counted" });

  const pool = { flame_pool_name: "default" };
  const retried = { rpc_method: "probe/dieFirst" };
  expect(Object.fromEntries(ledger.outcomes)).toEqual({
    "probe/add OK": 12,
    "probe/decline UNKNOWN": 1,
    "probe/crash UNKNOWN": 1,
    "probe/slow DEADLINE_EXCEEDED": 1,
    "probe/slow CANCELLED": 1,
    "probe/dieFirst OK": 1,
  });
  for (const [key, count] of ledger.outcomes) {
    const [method, status] = key.split(" ") as [string, string];
    const labels = { rpc_method: method, rpc_status_code: status, rpc_system_name: "flame", ...pool };
    expect(grown("rpc_client_call_duration_seconds_count", labels), key).toBe(count);
    expect(grown("rpc_client_call_duration_seconds_count", { ...labels, error_type: status }), key).toBe(
      status === "OK" ? 0 : count,
    );
  }
  const seconds = grown("rpc_client_call_duration_seconds_sum");
  expect(seconds).toBeGreaterThan(0.16);
  expect(seconds).toBeLessThanOrEqual(ledger.durationSeconds);

  expect(grown("flame_client_attempt_duration_seconds_count")).toBe(ledger.calls + 1);
  expect(grown("flame_client_attempt_duration_seconds_count", { attempt_kind: "first" })).toBe(ledger.calls);
  expect(grown("flame_client_attempt_duration_seconds_count", { attempt_kind: "retry", ...retried })).toBe(1);
  expect(grown("flame_client_call_retries_count")).toBe(1);
  expect(grown("flame_client_call_retries_sum", retried)).toBe(1);

  expect(grown("flame_invocation_phase_duration_seconds_sum")).toBeCloseTo(seconds, 6);
  for (const phase of ["acquire", "encode", "network", "runner_queue", "handler", "decode", "other"]) {
    expect(grown("flame_invocation_phase_duration_seconds_sum", { phase }), phase).toBeGreaterThan(0);
  }
  expect(grown("flame_invocation_phase_duration_seconds_count", { phase: "backoff", ...retried })).toBe(1);
  expect(samples.sum("flame_invocation_active")).toBe(0);

  expect(grown("flame_pool_acquire_duration_seconds_count", { result: "acquired", ...pool })).toBe(ledger.calls + 1);
  expect(grown("flame_pool_lease_duration_seconds_count", pool)).toBe(ledger.calls + 1);
  expect(samples.sum("flame_pool_pending_requests", pool)).toBe(0);
  expect(samples.sum("flame_pool_slots_used", pool)).toBe(0);
  expect(samples.sum("flame_pool_slots_limit", pool)).toBe(4);
  const running =
    samples.sum("flame_pool_runners", { state: "idle" }) + samples.sum("flame_pool_runners", { state: "busy" });
  expect(samples.sum("flame_pool_slots_provisioned", pool)).toBe(running * 2);
  const busy = grown("flame_pool_slot_busy_seconds_total", pool);
  expect(busy).toBeCloseTo(grown("flame_pool_lease_duration_seconds_sum", pool), 9);
  expect(grown("flame_pool_slot_available_seconds_total", pool)).toBeGreaterThanOrEqual(busy);

  const boots = grown("flame_runner_boot_duration_seconds_count", { backend: "process", result: "ok" });
  expect(boots).toBeGreaterThanOrEqual(2);
  expect(crashes()).toBe(1);
  expect(running).toBe(boots - 1);
});

test("a scrape after one call has exactly the parent's metrics of the catalog", async () => {
  const { flame } = await withRunners();
  await Probe.dieFirst.with({ retry: { maxAttempts: 2, baseDelayMs: 1 } })();
  const names = new Set((await scrape(flame)).samples().map(({ name }) => name.replace(/_(bucket|sum|count)$/, "")));
  const expected = Object.values(catalog)
    .filter((metric) => metric.side !== "runner")
    .map((metric): string => metric.name);
  expect([...names].filter((name) => !expected.includes(name))).toEqual([]);
  expect(expected.filter((name) => !names.has(name))).toEqual([]);
});

test("a pool exports no gauges after shutdown", async () => {
  const { flame } = await withRunners();
  await Probe.add(1, 2);
  onTestFinished(() => flame.shutdown());
  await flame.shutdown();
  const gauges = (await scrape(flame)).samples("flame_pool_slots_limit", { flame_pool_name: "default" });
  expect(gauges).toEqual([]);
});
