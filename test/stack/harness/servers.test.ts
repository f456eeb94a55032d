/** Tests of the harness: real servers start, respond and leave nothing behind. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { isAlive } from "../../harness/start-process.ts";
import { waitFor } from "../../harness/wait-for.ts";
import { startAlertmanager, startPager } from "./alertmanager.ts";
import { hasData } from "./prometheus-api.ts";
import { startPrometheus } from "./prometheus.ts";
import { lacks } from "./servers.ts";

const exposition = `# TYPE work counter
work_total{pool="a"} 3 # {trace_id="0af7651916cd43dd8448eb211c80319c"} 1
# TYPE waiting gauge
waiting{pool="a"} 2
# EOF
`;

const serveMetrics = async (): Promise<string> => {
  const server = createServer((_request, response) => {
    response.setHeader("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8").end(exposition);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`;
};

const ruleFile = (rules: string): string => {
  const folder = mkdtempSync(join(tmpdir(), "firelight-rules-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "rules.yaml");
  writeFileSync(file, `groups:\n  - name: g\n    interval: 1m\n    rules:\n${rules}`);
  return file;
};

describe.skipIf(lacks("prometheus"))("Prometheus", () => {
  test("scrapes, answers queries, stores exemplars and evaluates rules, and removes its folder when it ends", async () => {
    const url = await serveMetrics();
    const rules = ruleFile("      - record: pool:waiting:sum\n        expr: sum by (pool) (waiting)\n");
    const startMs = Date.now();
    const prometheus = await startPrometheus({ jobs: [{ job: "shop", url, labels: { zone: "z" } }], rules: [rules] });
    const { pid, folder } = prometheus;
    try {
      await prometheus.untilScraped();
      await prometheus.untilEvaluated();
      const range = { startMs, endMs: Date.now() + 1_000 };
      const [waiting] = await waitFor(
        async () => {
          const found = await prometheus.query('waiting{zone="z"}');
          return hasData(found) && found;
        },
        { what: "a sample" },
      );
      expect(waiting).toMatchObject({ labels: { job: "shop", pool: "a" }, samples: [{ value: 2 }] });
      await waitFor(async () => hasData(await prometheus.query("pool:waiting:sum")), {
        what: "a sample of the recorded series",
      });
      expect(hasData(await prometheus.queryRange("work_total", range, 500))).toBe(true);
      expect(await prometheus.exemplars("work_total", range)).toMatchObject([
        { labels: { trace_id: "0af7651916cd43dd8448eb211c80319c" }, value: 1 },
      ]);
      expect(await prometheus.labelValues("pool", 'waiting{job="shop"}', range)).toEqual(["a"]);
      expect(hasData(await prometheus.query("0 * waiting / 0"))).toBe(false);
      await expect(prometheus.query("sum(waiting")).rejects.toThrow(/rejected[\s\S]*sum\(waiting/);
    } finally {
      await prometheus[Symbol.asyncDispose]();
    }
    expect([isAlive(pid), existsSync(folder)]).toEqual([false, false]);
  });

  test("untilEvaluated rejects with the name of a rule that cannot be evaluated", async () => {
    const url = await serveMetrics();
    const rules = ruleFile("      - record: twice\n        expr: vector(1) + on () {job='shop'}\n");
    await using prometheus = await startPrometheus({ jobs: [{ job: "shop", url }], rules: [rules] });
    await prometheus.untilScraped();
    await waitFor(async () => (await prometheus.rules())[0]?.rules[0]?.health === "err", { what: "the rule to fail" });
    await expect(prometheus.untilEvaluated(100)).rejects.toThrow(/twice: .*duplicate/);
  });
});

describe.skipIf(lacks("prometheus", "alertmanager"))("Alertmanager", () => {
  test("sends a firing alert to the pager with its labels and annotations", async () => {
    await using pager = await startPager();
    await using alertmanager = await startAlertmanager({ pager });
    const rules = ruleFile(
      `      - alert: Waiting
        expr: waiting > 1
        for: 10m
        labels: { severity: page }
        annotations: { summary: "{{ $value }} wait in {{ $labels.pool }}" }
`,
    );
    await using prometheus = await startPrometheus({
      jobs: [{ job: "shop", url: await serveMetrics() }],
      rules: [rules],
      ruleTimes: { intervalMs: 250, holdMs: (written) => (written === "10m" ? 500 : 0) },
      alertmanager: alertmanager.url,
    });
    await waitFor(() => pager.notified.length > 0, { what: "a notification", timeoutMs: 30_000 });
    expect(pager.notified[0]).toMatchObject({
      status: "firing",
      labels: { alertname: "Waiting", severity: "page", pool: "a", job: "shop" },
      annotations: { summary: "2 wait in a" },
    });
    expect(await alertmanager.alerts()).toMatchObject([{ labels: { alertname: "Waiting" } }]);
    expect(await prometheus.alerts()).toMatchObject([{ state: "firing" }]);
  });
});
