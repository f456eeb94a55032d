/**
 * The contract of the observability bundle: every query of dashboards and rules returns data from a real Prometheus that
 * scrapes a real service with faults.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { metrics, type MetricSpec } from "../../src/telemetry/catalog.ts";
import { promqlNames } from "../harness/promql.ts";
import { waitFor } from "../harness/wait-for.ts";
import { record } from "./harness/board.ts";
import { chooseVariables, extents } from "./harness/choices.ts";
import { readDashboards, type Dashboard } from "./harness/dashboards.ts";
import { substitute, type QueryTimes } from "./harness/grafana-variables.ts";
import { unknownInLogql, unknownInPromql, unknownInTraceql } from "./harness/known-names.ts";
import { proveExpression, provePanels, type Ground } from "./harness/proof.ts";
import { startPrometheus, type Prometheus } from "./harness/prometheus.ts";
import { hasData } from "./harness/prometheus-api.ts";
import { readRules } from "./harness/rule-files.ts";
import { lacks } from "./harness/servers.ts";
import { startShop, type Shop } from "./harness/shop.ts";
import { startTraceSink, type TraceSink } from "./harness/trace-sink.ts";

const root = join(import.meta.dirname, "../..");
const dashboards = readDashboards(join(root, "dashboards"));
const ruleFiles = readdirSync(join(root, "otel/rules"))
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => join(root, "otel/rules", name));
const rules = ruleFiles.flatMap(readRules);
const recorded: ReadonlySet<string> = new Set(rules.flatMap(({ record }) => record ?? []));

/** Variable values that have every kind of event. */
const favorites: ReadonlySet<string> = new Set(["shop", "shop/order"]);
/** After this many rounds, every kind of event has occurred at least once. */
const rounds = 4;

const queriesOf = (dashboard: Dashboard) =>
  dashboard.panels.flatMap(({ title, queries }) => queries.map((query) => ({ ...query, panel: title })));

describe("names", () => {
  const times: QueryTimes = { startMs: 0, endMs: 3_600_000, scrapeMs: 15_000 };
  const unknownNames = {
    prometheus: (text: string) => unknownInPromql(text, recorded),
    tempo: unknownInTraceql,
    loki: unknownInLogql,
  };

  test("the bundle has dashboards, alerts and recording rules", () => {
    expect(dashboards.length).toBeGreaterThanOrEqual(6);
    expect(rules.filter(({ alert }) => alert !== undefined).length).toBeGreaterThanOrEqual(17);
    expect(recorded.size).toBeGreaterThan(0);
  });

  test.each(dashboards)("every name in $file is known", (dashboard) => {
    const variables = dashboard.variables.map(({ name, type, multi, query }) => ({
      name,
      multi,
      options: type === "query" ? ["a", "b"] : [query],
      chosen: "all" as const,
    }));
    const searches = queriesOf(dashboard).filter(({ language }) => language !== "prometheus");
    const unknown = queriesOf(dashboard).flatMap(({ panel, language, text }) =>
      unknownNames[language](substitute(text, language, variables, times)).map((name) => `${panel}: ${name}`),
    );
    expect(unknown).toEqual([]);
    record({
      what: "searches of traces and logs whose names exist (no Tempo or Loki ran them)",
      good: searches.length,
      all: searches.length,
    });
  });

  test("every name in the rules is known", () => {
    const labels = new Set([
      "job",
      "instance",
      ...Object.values<MetricSpec>(metrics).flatMap((metric) => metric.labels),
    ]);
    const unknown = rules.flatMap(({ expr, alert, record, annotations = {} }) => [
      ...unknownInPromql(expr, recorded).map((name) => `${alert ?? record}: ${name}`),
      ...[
        ...Object.values(annotations)
          .join()
          .matchAll(/\$labels\.(\w+)/g),
      ]
        .map(([, label]) => label!)
        .filter((label) => !labels.has(label) && !promqlNames(expr).createdLabels.includes(label))
        .map((label) => `${alert}: {{ $labels.${label} }}`),
    ]);
    expect(unknown).toEqual([]);
  });
});

describe.skipIf(lacks("prometheus"))("a real Prometheus that scrapes a shop with faults", () => {
  let sink: TraceSink;
  let shop: Shop;
  let prometheus: Prometheus;
  let ground: Ground;

  beforeAll(async () => {
    sink = await startTraceSink();
    shop = await startShop(sink.otlpUrl);
    const startMs = Date.now();
    prometheus = await startPrometheus({ jobs: [...shop.jobs, ...sink.jobs], rules: ruleFiles });
    await prometheus.untilScraped();
    await fetch(`${shop.booksUrl}/invoke`, { method: "POST", headers: { "x-flame-request": "nonsense" } });
    await shop.untilRound(rounds);
    await prometheus.untilEvaluated();
    const times = { startMs, endMs: Date.now(), scrapeMs: prometheus.scrapeIntervalMs };
    await waitFor(async () => hasData(await prometheus.query("up", times.endMs)), {
      what: "a scrape of the last round",
    });
    ground = { api: prometheus, times, collector: sink.jobs.length > 0 };
  });

  afterAll(async () => {
    await prometheus?.[Symbol.asyncDispose]();
    await shop?.[Symbol.asyncDispose]();
    await sink?.[Symbol.asyncDispose]();
  });

  test("every metric of the catalog has series for every known label value", async () => {
    const missing: Array<string> = [];
    for (const { name, type, known = {} } of Object.values<MetricSpec>(metrics)) {
      const series = await prometheus.series(type === "histogram" ? `${name}_count` : name, ground.times);
      if (series.length === 0) missing.push(name);
      for (const [label, values] of Object.entries<ReadonlyArray<string>>(known)) {
        const seen = new Set(series.map((labels) => labels[label]));
        missing.push(...values.filter((value) => !seen.has(value)).map((value) => `${name}{${label}="${value}"}`));
      }
    }
    expect(missing).toEqual([]);
  });

  test("exemplars link to traces that arrived", async () => {
    const withExemplars = Object.values<MetricSpec>(metrics).filter(({ exemplars }) => exemplars === true);
    for (const { name } of withExemplars) {
      const exemplars = await prometheus.exemplars(`${name}_bucket`, ground.times);
      const ids = [...new Set(exemplars.map(({ labels }) => labels["trace_id"] ?? ""))].slice(0, 20);
      expect(ids.length, name).toBeGreaterThan(0);
      await waitFor(() => ids.every((id) => sink.traceIds().has(id)), {
        what: `the traces of the exemplars of ${name}`,
        timeoutMs: 30_000,
      });
    }
  });

  test.each(dashboards)(
    "every panel of $file has data, with one, several or all values selected",
    async (dashboard) => {
      const problems: Array<string> = [];
      const excuses = new Map<string, string>();
      const bad = new Set<string>();
      for (const extent of extents) {
        const variables = await chooseVariables(prometheus, dashboard.variables, extent, ground.times, favorites);
        for (const { panel, excuse, faults } of await provePanels(ground, dashboard, variables)) {
          problems.push(...faults.map((fault) => `${panel} (${extent}): ${fault}`));
          if (faults.length > 0) bad.add(panel);
          if (excuse !== undefined) excuses.set(panel, excuse);
        }
      }
      const panels = new Set(
        queriesOf(dashboard)
          .filter(({ language }) => language === "prometheus")
          .map(({ panel }) => panel),
      );
      const excused = [...excuses].filter(([panel]) => !bad.has(panel));
      record({
        what: "panels with data",
        good: panels.size - bad.size - excused.length,
        all: panels.size,
        excused: excused.length,
        notes: excused.map(([panel, reason]) => `empty as expected: ${dashboard.title}, ${panel}: ${reason}`),
      });
      expect(problems).toEqual([]);
    },
  );

  test("every rule is evaluated, selects existing series, and has data if it records", async () => {
    const groups = await prometheus.rules();
    const evaluated = groups.flatMap((group) => group.rules);
    expect(evaluated.map(({ name }) => name).toSorted()).toEqual(
      rules.map(({ alert, record }) => alert ?? record!).toSorted(),
    );
    const problems: Array<string> = [];
    const notes: Array<string> = [];
    let bad = 0;
    for (const { alert, record, expr } of rules) {
      const { excuse, faults } = await proveExpression(ground, expr, record);
      problems.push(...faults.map((fault) => `${alert ?? record}: ${fault}`));
      if (faults.length > 0) bad += 1;
      else if (excuse !== undefined) notes.push(`empty as expected: ${alert ?? record}: ${excuse}`);
    }
    record({
      what: "rules evaluated over data",
      good: rules.length - bad - notes.length,
      all: rules.length,
      excused: notes.length,
      notes,
    });
    expect(problems).toEqual([]);
  });
});
