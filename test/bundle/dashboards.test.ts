import { describe, expect, test } from "vitest";
import { externalSeries } from "../../src/bundle/external-series.ts";
import { metrics, type MetricSpec } from "../../src/telemetry/catalog.ts";
import { promqlNames } from "../harness/promql.ts";
import { expectedEmpty } from "./expected-empty.ts";
import { asking, type Dashboard, linksOf, shippedDashboards, shippedTexts, variablesIn } from "./shipped.ts";

const dashboards = shippedDashboards();
const each = dashboards.map((dashboard) => [dashboard.uid, dashboard] as const);

const specs: ReadonlyArray<MetricSpec> = Object.values(metrics);
const externalByName = new Map<string, ReadonlyArray<string>>(
  Object.values(externalSeries).map(({ name, labels }) => [name, labels]),
);

/** The metric of a series name. Series of a histogram have a suffix. */
const specOf = (name: string): MetricSpec | undefined =>
  specs.find((spec) =>
    spec.type === "histogram"
      ? ["bucket", "sum", "count"].some((part) => name === `${spec.name}_${part}`)
      : name === spec.name,
  );

const promqlOf = (dashboard: Dashboard): ReadonlyArray<string> => [
  ...asking(dashboard).flatMap(({ targets = [] }) =>
    targets.flatMap(({ datasource, expr }) => (datasource.type === "prometheus" && expr !== undefined ? [expr] : [])),
  ),
  ...dashboard.annotations.list.flatMap(({ expr }) => (expr === undefined ? [] : [expr])),
  ...dashboard.templating.list.flatMap(({ definition }) => {
    const asked = /^label_values\((.+), \w+\)$/.exec(definition ?? "")?.[1];
    return asked === undefined ? [] : [asked];
  }),
];

test("variablesIn finds variables in every syntax, and no numbers", () => {
  expect([...variablesIn("$a ${b} ${c:pipe} ${__field.labels.d} $1")]).toEqual(["a", "b", "c", "__field.labels.d"]);
});

const builtIn = /^(__rate_interval|__range|__from|__to|__url_time_range|__value\.raw|__field\.labels\.\w+)$/;

describe("dashboards", () => {
  test("are overview, method, pools, retries, runners, telemetry and runbook", () => {
    expect(dashboards.map(({ uid }) => uid).toSorted()).toEqual(
      ["method", "overview", "pools", "retries", "runbook", "runners", "telemetry"].map((name) => `firelight-${name}`),
    );
    for (const [name, text] of shippedTexts()) expect(name).toBe(`${(JSON.parse(text) as Dashboard).uid}.json`);
  });

  test.each(each)("%s has schema version 42, a title, a description and a tag", (_, dashboard) => {
    expect(dashboard.schemaVersion).toBe(42);
    expect(dashboard.title).toMatch(/^Firelight \/ ./);
    expect(dashboard.description).not.toBe("");
    expect(dashboard.tags).toEqual(["firelight"]);
  });

  test.each(each)("%s queries only metrics and labels of the catalog and of known external series", (_, dashboard) => {
    for (const expr of promqlOf(dashboard)) {
      const { selectors, labels, createdLabels } = promqlNames(expr);
      expect(selectors.length, expr).toBeGreaterThan(0);
      const targetLabels = ["job", "instance", "le"];
      const known = new Set([...targetLabels, ...createdLabels]);
      for (const { metric, matchers } of selectors) {
        const found = specOf(metric)?.labels ?? externalByName.get(metric);
        expect(found, `${metric} in ${expr}`).toBeDefined();
        for (const label of found ?? []) known.add(label);
        for (const { label } of matchers)
          expect([...targetLabels, ...(found ?? [])], `${metric}{${label}} in ${expr}`).toContain(label);
      }
      for (const label of labels) expect([...known], `${label} in ${expr}`).toContain(label);
    }
  });

  test.each(each)("%s aggregates histogram buckets by le", (_, dashboard) => {
    for (const expr of promqlOf(dashboard).filter((one) => one.includes("_bucket{")))
      expect(expr).toMatch(/sum by \(le(, \w+)*\) \((rate|increase)\(\w+_bucket\{/);
  });

  test.each(each)("%s guards every division against zero", (_, dashboard) => {
    for (const expr of promqlOf(dashboard)) {
      for (const [, divisor = ""] of expr.matchAll(/ \/ (?:on \(\) group_left \(\) )?(.{0,60})/g))
        expect(divisor, expr).toMatch(/^\((sum|\w+\{|deriv\()/);
      const divisions = expr.match(/ \/ /g)?.length ?? 0;
      const guards = expr.match(/ > 0\)/g)?.length ?? 0;
      expect(guards, expr).toBeGreaterThanOrEqual(divisions);
      if (expr.includes("histogram_quantile")) expect(expr).toMatch(/ >= 0$/);
    }
  });

  test.each(each)("%s uses only variables that it declares", (_, dashboard) => {
    const own = new Set(dashboard.templating.list.map(({ name }) => name));
    const texts = [
      ...promqlOf(dashboard),
      ...asking(dashboard).flatMap((panel) => [
        ...(panel.targets ?? []).map(({ expr, query }) => expr ?? query ?? ""),
        ...linksOf(panel).map(({ url }) => url),
      ]),
    ];
    for (const text of texts)
      for (const name of variablesIn(text)) if (!builtIn.test(name)) expect([...own], text).toContain(name);
  });

  test.each(each)("%s has no variable that no query uses", (_, dashboard) => {
    const queries = asking(dashboard).flatMap(({ targets = [] }) =>
      targets.map(({ expr, query }) => expr ?? query ?? ""),
    );
    const choices = dashboard.templating.list.filter(({ type }) => type === "query" || type === "textbox");
    if (dashboard.uid === "firelight-runbook") return;
    for (const { name } of choices)
      expect(
        queries.some((query) => variablesIn(query).has(name)),
        name,
      ).toBe(true);
  });

  test.each(each)("%s has variables that allow one, several or all values", (_, dashboard) => {
    for (const one of dashboard.templating.list.filter(({ type }) => type === "query")) {
      expect(one).toMatchObject({ multi: true, includeAll: true, current: { value: "$__all" } });
      for (const expr of promqlOf(dashboard)) expect(expr).not.toMatch(new RegExp(`="\\$${one.name}"`));
    }
  });

  test.each(each)("%s has a legend for every query", (_, dashboard) => {
    for (const { title, targets = [] } of asking(dashboard))
      for (const target of targets)
        if (target.datasource.type === "prometheus") expect(target.legendFormat, title).toMatch(/./);
  });

  test.each(each)("%s enables exemplars exactly for the histograms that have them", (_, dashboard) => {
    for (const { title, type, targets = [] } of asking(dashboard).filter((panel) =>
      /timeseries|heatmap/.test(panel.type),
    ))
      for (const { expr = "", exemplar = false } of targets) {
        const carries =
          expr !== "" &&
          promqlNames(expr).selectors.some(
            ({ metric }) => metric.endsWith("_bucket") && specOf(metric)?.exemplars === true,
          );
        expect(exemplar, `${type} ${title}`).toBe(carries);
      }
  });

  test.each(each)("%s draws a threshold line exactly where the description mentions one", (_, dashboard) => {
    for (const { title, type, description = "", fieldConfig } of asking(dashboard)) {
      if (type !== "timeseries") continue;
      const drawn = fieldConfig?.defaults.custom?.thresholdsStyle?.mode !== "off";
      expect(/\bline/i.test(description), title).toBe(drawn);
      if (drawn) expect(fieldConfig?.defaults.thresholds?.steps.length, title).toBeGreaterThan(1);
    }
  });

  test.each(each)("%s has panels without overlaps and gaps", (_, { panels }) => {
    const cells = new Set<string>();
    for (const { title, gridPos } of panels) {
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(cells.has(`${x} ${y}`), `${title} overlaps at ${x}, ${y}`).toBe(false);
          cells.add(`${x} ${y}`);
        }
      expect(Number.isInteger(gridPos.w) && gridPos.x + gridPos.w <= 24, title).toBe(true);
    }
    const height = Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h));
    expect(cells.size).toBe(24 * height);
  });

  test.each(each)("%s has panels with unique ids and titles", (_, dashboard) => {
    const ids = dashboard.panels.map(({ id }) => id);
    const titles = dashboard.panels.map(({ title }) => title);
    expect(new Set(ids).size).toBe(ids.length);
    expect(new Set(titles).size).toBe(titles.length);
  });

  test("have every panel that expectedEmpty lists, with a reason", () => {
    for (const { dashboardUid, panelTitle, refId, reason } of expectedEmpty) {
      const panel = dashboards
        .find(({ uid }) => uid === dashboardUid)
        ?.panels.find(({ title }) => title === panelTitle);
      expect(panel, panelTitle).toBeDefined();
      if (refId !== undefined) expect(panel?.targets?.map((target) => target.refId)).toContain(refId);
      expect(reason).not.toBe("");
    }
  });
});
