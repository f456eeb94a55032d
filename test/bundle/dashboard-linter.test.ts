import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { lint } from "./dashboard-linter.ts";
import { asking, type Dashboard, dashboardsFolder, type Panel, shippedDashboards } from "./shipped.ts";

const exceptions = readFileSync(join(dashboardsFolder, ".lint"), "utf8");
const dashboards = shippedDashboards();
const [first] = dashboards.filter(({ uid }) => uid === "firelight-pools");
if (first === undefined) throw new Error("The dashboard of pools does not ship.");

const rulesBroken = (dashboard: Dashboard): ReadonlyArray<string> => [
  ...new Set(lint(dashboard, exceptions).map(({ rule }) => rule)),
];

const withPanel = (change: (panel: Panel) => Panel): Dashboard => ({
  ...first,
  panels: first.panels.map((panel) => (panel.title === "Utilization" ? change(panel) : panel)),
});

const withExpr = (change: (expr: string) => string): Dashboard =>
  withPanel((panel) => ({
    ...panel,
    targets: panel.targets!.map((target) => ({ ...target, expr: change(target.expr!) })),
  }));

const withVariable = (name: string, change: object): Dashboard => ({
  ...first,
  templating: { list: first.templating.list.map((one) => (one.name === name ? { ...one, ...change } : one)) },
});

describe("the dashboard linter", () => {
  test.each(dashboards.map((dashboard) => [dashboard.uid, dashboard] as const))(
    "has no findings for %s",
    (_, dashboard) => {
      expect(lint(dashboard, exceptions)).toEqual([]);
    },
  );

  test("has only exclusions that have a reason and are needed", () => {
    const { exclusions } = parseYaml(exceptions) as {
      exclusions: Record<string, { reason: string; entries: ReadonlyArray<{ panel: string }> }>;
    };
    const all = dashboards.flatMap((dashboard) => lint(dashboard));
    for (const [rule, { reason, entries }] of Object.entries(exclusions)) {
      expect(reason).not.toBe("");
      for (const { panel } of entries)
        expect(
          all.some((finding) => finding.rule === rule && finding.panel === panel),
          `${rule}: ${panel}`,
        ).toBe(true);
    }
  });

  test.each([
    ["template-datasource-rule", withVariable("prometheus_datasource", { name: "ds" })],
    ["template-job-rule", withVariable("job", { allValue: ".*" })],
    ["template-instance-rule", withVariable("instance", { multi: false })],
    ["template-label-promql-rule", withVariable("pool", { query: "up" })],
    ["template-on-time-change-reload-rule", withVariable("pool", { refresh: 1 })],
    ["uneditable-dashboard", { ...first, editable: true }],
    ["panel-datasource-rule", withPanel((panel) => ({ ...panel, datasource: { type: "prometheus", uid: "abc" } }))],
    ["panel-title-description-rule", withPanel((panel) => ({ ...panel, description: "" }))],
    [
      "panel-units-rule",
      withPanel((panel) => ({
        ...panel,
        fieldConfig: { ...panel.fieldConfig!, defaults: { ...panel.fieldConfig!.defaults, unit: "parsecs" } },
      })),
    ],
    ["panel-no-targets-rule", withPanel((panel) => ({ ...panel, targets: [] }))],
    ["target-promql-rule", withExpr(() => "")],
    ["target-rate-interval-rule", withExpr((expr) => expr.replace("$__rate_interval", "5m"))],
    ["target-job-rule", withExpr((expr) => expr.replace('job=~"$job", ', ""))],
    ["target-instance-rule", withExpr((expr) => expr.replace('instance=~"$instance", ', ""))],
    ["target-counter-agg-rule", withExpr((expr) => expr.replace("rate(", "sum(").replace("[$__rate_interval]", ""))],
  ])("%s reports a violation", (rule, broken) => {
    expect(rulesBroken(first)).toEqual([]);
    expect(rulesBroken(broken)).toContain(rule);
  });

  test("covers more than 80 panels", () => {
    expect(dashboards.flatMap(asking).length).toBeGreaterThan(80);
  });
});
