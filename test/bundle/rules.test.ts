import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { formatPercent, spellDuration } from "../../src/contract/format-numbers.ts";
import { alertNames } from "../../src/bundle/alert-names.ts";
import { externalSeries } from "../../src/bundle/external-series.ts";
import { alerts } from "../../src/bundle/rules/alerts.ts";
import { burnRates } from "../../src/bundle/rules/burn-rate.ts";
import { inhibitions, inhibitRules } from "../../src/bundle/rules/inhibitions.ts";
import { recordingGroups } from "../../src/bundle/rules/recording.ts";
import { ruleFiles } from "../../src/bundle/files.ts";
import { runbookLink } from "../../src/bundle/runbook-link.ts";
import { defaultSettings, type BundleSettings, type Thresholds } from "../../src/bundle/settings.ts";
import { metrics, type MetricSpec } from "../../src/telemetry/catalog.ts";
import { promqlNames } from "../harness/promql.ts";

const root = join(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");

interface PrometheusRule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly keep_firing_for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface GrafanaRule {
  readonly uid: string;
  readonly title: string;
  readonly condition: string;
  readonly data: ReadonlyArray<{
    readonly refId: string;
    readonly datasourceUid: string;
    readonly model: {
      readonly expr?: string;
      readonly instant?: boolean;
      readonly expression?: string;
      readonly reducer?: string;
      readonly type?: string;
      readonly conditions?: ReadonlyArray<{ evaluator: { type: string; params: ReadonlyArray<number> } }>;
    };
  }>;
  readonly noDataState: string;
  readonly for: string;
  readonly keepFiringFor?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const file = (settings: BundleSettings, path: string): string => {
  const text = ruleFiles(settings).get(path);
  if (text === undefined)
    throw new Error(`${path} is not generated; there are ${[...ruleFiles(settings).keys()].join(", ")}.`);
  return text;
};

const prometheusRules = (settings: BundleSettings): ReadonlyArray<PrometheusRule> =>
  ["rules", "alerts"].flatMap((kind) =>
    (
      parse(file(settings, `otel/rules/${settings.uid}.${kind}.yaml`)) as {
        groups: ReadonlyArray<{ rules: ReadonlyArray<PrometheusRule> }>;
      }
    ).groups.flatMap(({ rules }) => rules),
  );

const grafanaRules = (settings: BundleSettings): ReadonlyArray<GrafanaRule> =>
  (
    parse(file(settings, `grafana/provisioning/alerting/${settings.uid}.yaml`)) as {
      groups: ReadonlyArray<{ rules: ReadonlyArray<GrafanaRule> }>;
    }
  ).groups.flatMap(({ rules }) => rules);

const all = alerts(defaultSettings);

/** Names of series and labels in an expression: everything but functions, keywords, numbers and strings. */
const namesIn = (expr: string): ReadonlySet<string> => {
  const bare = expr
    .replaceAll(/__name__=~"([^"]+)"/g, (_, name: string) => name.replaceAll(/\W.*$/g, ""))
    .replaceAll(/"[^"]*"/g, " ")
    .replaceAll(/\[[^\]]*\]/g, " ")
    .replaceAll(/\boffset \w+/g, " ");
  return new Set([...bare.matchAll(/[a-zA-Z_][\w:]*(?!\w*\s*\()/g)].map(([name]) => name));
};

const words = ["by", "without", "on", "and", "or", "unless", "group", "e"];
const functions =
  /^(sum|max|count|group|rate|increase|label_replace|histogram_quantile|predict_linear|(min|max|avg|count)_over_time)$/;

describe("rules", () => {
  test("have every alert once, in the order of the runbook", () => {
    expect(all.map(({ name }) => name)).toEqual([...alertNames]);
  });

  test("query only the catalog, known external series and recorded series", () => {
    const specs: ReadonlyArray<MetricSpec> = Object.values(metrics);
    const known = new Set([
      ...specs.flatMap(({ name, type, labels }) => [
        ...(type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name]),
        ...labels,
      ]),
      ...Object.values(externalSeries).flatMap(({ name, labels }) => [name.replace(/\W.*$/, ""), ...labels]),
      ...recordingGroups(defaultSettings).flatMap(({ rules }) => rules.map(({ record }) => record)),
      ...["job", "instance", "le"],
    ]);
    const unknown = prometheusRules(defaultSettings).flatMap(({ record, alert, expr }) =>
      [...namesIn(expr)]
        .filter((name) => !known.has(name) && !words.includes(name) && !functions.test(name))
        .map((name) => `${record ?? alert}: ${name}`),
    );
    expect(unknown).toEqual([]);
  });

  test("record only series that are used, each once", () => {
    const recorded = recordingGroups(defaultSettings).flatMap(({ rules }) => rules.map(({ record }) => record));
    const expressions = prometheusRules(defaultSettings)
      .map(({ expr }) => expr)
      .join("\n");
    expect(recorded.filter((name) => !expressions.includes(name))).toEqual([]);
    expect(new Set(recorded).size).toBe(recorded.length);
  });
});

describe.each(all)("alert $name", (alert) => {
  test("has a severity, a summary with labels, a description, and links to runbook and dashboard", () => {
    expect(["page", "ticket", "info"]).toContain(alert.labels.severity);
    expect(alert.annotations.summary).toContain("{{ $labels.");
    expect(alert.annotations.summary.length).toBeLessThan(200);
    expect(alert.annotations.description).toMatch(/\.$/);
    expect(alert.annotations.runbook_url).toBe(runbookLink(defaultSettings, alert.name));
    expect(alert.annotations.dashboard_url).toMatch(
      /^http:\/\/localhost:3000\/d\/firelight-(overview|method|pools|retries|runners|telemetry)(\?|$)/,
    );
  });

  test("uses only labels that its expression keeps", () => {
    const used = [...JSON.stringify(alert.annotations).matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label);
    const aggregated = [...alert.value.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, labels = ""]) => labels.split(", "));
    const kept = aggregated.length === 0 ? ["job", "instance", "flame_pool_name"] : aggregated;
    const recordedByJob = alert.value.startsWith("job:") ? ["job"] : kept;
    expect(used.filter((label) => !recordedByJob.includes(label!))).toEqual([]);
  });

  test("has a runbook section with every part: meaning, what to look at, what to do, how to silence, false positives", () => {
    const sections = read("dashboards/runbook.md").split(/^## /m).slice(1);
    const section = sections[alertNames.indexOf(alert.name)];
    expect(section).toMatch(new RegExp(`^${alert.name}\n`));
    const parts = section!.split(/^### /m).slice(1);
    expect(parts.map((part) => part.split("\n")[0])).toEqual([
      "What it means",
      "Look at",
      "Do",
      "Silence",
      "It may be false when",
    ]);
    for (const part of parts) expect(part.split("\n").slice(1).join("").trim()).not.toBe("");
    expect(section).toContain(`amtool silence add alertname=${alert.name}`);
  });
});

describe("the runbook", () => {
  test("links only to sections that it has", () => {
    const links = [...read("dashboards/runbook.md").matchAll(/\]\(#(\w+)\)/g)].map(([, anchor]) => anchor);
    const anchors = alertNames.map((name) => name.toLowerCase());
    expect(links.filter((link) => !anchors.includes(link!))).toEqual([]);
    expect(links.length).toBeGreaterThan(10);
  });

  test("queries only the catalog, known external series and recorded series", () => {
    const known = [
      ...Object.values(metrics).flatMap(({ name }) => [name, `${name}_bucket`, `${name}_sum`, `${name}_count`]),
      ...Object.values(externalSeries).map(({ name }) => name.replace("(_total)?", "")),
      ...recordingGroups(defaultSettings).flatMap(({ rules }) => rules.map(({ record }) => record)),
    ];
    const blocks = [...read("dashboards/runbook.md").matchAll(/```promql\n([\s\S]*?)```/g)].map(
      ([, block = ""]) => block,
    );
    const unknown = blocks
      .flatMap((block) => promqlNames(block).selectors.map(({ metric }) => metric))
      .filter((metric) => !known.some((name) => new RegExp(`^(?:${metric})$`).test(name)));
    expect(unknown).toEqual([]);
    expect(blocks.length).toBeGreaterThan(15);
  });
});

describe("Grafana's alert rules", () => {
  const grafana = grafanaRules(defaultSettings);

  test("have the same names, durations and labels as Prometheus's", () => {
    expect(grafana.map(({ title, for: held, keepFiringFor, labels }) => [title, held, keepFiringFor, labels])).toEqual(
      all.map((alert) => [alert.name, alert.for, alert.keepFiringFor, { ...alert.labels }]),
    );
  });

  test("have the same queries and thresholds as Prometheus's", () => {
    for (const [index, rule] of grafana.entries()) {
      const { expr, value, conditions, comparison } = all[index]!;
      const [ask, reduce, compare] = rule.data;
      const flat = (text: string): string => text.replaceAll(/\s+/g, " ");
      expect(flat(ask!.model.expr!)).toBe(flat([`( ${value} )`, ...conditions.map((one) => `and ${one}`)].join(" ")));
      expect(flat(expr)).toBe(
        flat(
          [
            `( ${value} ) ${comparison.operator} ${comparison.threshold}`,
            ...conditions.map((one) => `and ${one}`),
          ].join(" "),
        ),
      );
      expect(ask).toMatchObject({ refId: "A", datasourceUid: "prometheus", model: { instant: true } });
      expect(reduce).toMatchObject({ refId: "B", model: { type: "reduce", expression: "A", reducer: "last" } });
      expect(compare).toMatchObject({
        refId: "C",
        model: {
          type: "threshold",
          expression: "B",
          conditions: [
            { evaluator: { type: comparison.operator === ">" ? "gt" : "gte", params: [comparison.threshold] } },
          ],
        },
      });
      expect(rule).toMatchObject({ condition: "C", noDataState: "OK" });
    }
  });

  test("contain no $, which Grafana would expand from its environment", () => {
    expect(JSON.stringify(grafana.map(({ annotations, labels }) => [annotations, labels]))).not.toContain("$");
  });

  test("have unique uids of at most 40 characters", () => {
    expect(new Set(grafana.map(({ uid }) => uid)).size).toBe(alertNames.length);
    for (const { uid } of grafana) expect(uid).toMatch(/^[a-z0-9-]{1,40}$/);
    expect(() => ruleFiles({ ...defaultSettings, uid: "the-shop-of-the-company" })).toThrow(
      'uid is "the-shop-of-the-company". Use at most 17 lowercase letters',
    );
  });
});

describe("settings", () => {
  const everything = (settings: BundleSettings): string => [...ruleFiles(settings).values()].join("\n");

  test.each(Object.keys(defaultSettings.thresholds) as ReadonlyArray<keyof Thresholds>)(
    "the threshold %s changes the alerts of Prometheus and of Grafana",
    (key) => {
      const changed = {
        ...defaultSettings,
        thresholds: { ...defaultSettings.thresholds, [key]: defaultSettings.thresholds[key] * 1.5 },
      };
      const expressions = (settings: BundleSettings): ReadonlyArray<string> => alerts(settings).map(({ expr }) => expr);
      const steps = (settings: BundleSettings): ReadonlyArray<string> =>
        grafanaRules(settings).map(({ data }) => JSON.stringify(data));
      expect(expressions(changed)).not.toEqual(expressions(defaultSettings));
      expect(steps(changed)).not.toEqual(steps(defaultSettings));
    },
  );

  test("the selector is in every query of Firelight's metrics", () => {
    const selector = 'cluster="eu", job=~"shop.*"';
    for (const { expr } of prometheusRules({ ...defaultSettings, selector })) {
      const own = [
        ...expr.matchAll(/(?<![:\w])(flame|rpc)_\w+_(count|bucket|total|limit|used|requests)\b(\{[^}]*\})?/g),
      ];
      for (const [whole] of own) expect(`${whole} in ${expr}`).toContain(selector.concat("}"));
      expect(own.length + [...expr.matchAll(/\w+:flame_\w+:/g)].length).toBeGreaterThan(0);
    }
  });

  test("name, links and data sources replace the defaults everywhere", () => {
    const settings: BundleSettings = {
      ...defaultSettings,
      name: "Shop",
      uid: "shop",
      grafanaUrl: "https://grafana.example.com",
      runbookUrl: "https://wiki.example.com/flame",
      datasources: { prometheus: "mimir", tempo: "tempo", loki: "loki" },
    };
    const text = everything(settings);
    expect(text).not.toMatch(/localhost|firelight-/);
    expect(text).toContain("https://wiki.example.com/flame#flamepoolsaturated");
    expect(text).toContain("https://grafana.example.com/d/shop-pools?");
    expect(text).toContain("datasourceUid: mimir");
    expect([...ruleFiles(settings).keys()]).toEqual([
      "otel/rules/shop.rules.yaml",
      "otel/rules/shop.alerts.yaml",
      "grafana/provisioning/alerting/shop.yaml",
    ]);
  });

  test("ignoredStatuses do not spend error budget; without any, every failure does", () => {
    expect(
      everything({ ...defaultSettings, slo: { ...defaultSettings.slo, ignoredStatuses: ["UNIMPLEMENTED"] } }),
    ).toContain('rpc_status_code!~"OK|UNIMPLEMENTED"');
    const strict = everything({ ...defaultSettings, slo: { ...defaultSettings.slo, ignoredStatuses: [] } });
    expect(strict).toContain('rpc_status_code!~"OK"');
    expect(strict).not.toContain("CANCELLED");
  });
});

describe("burnRates", () => {
  const of = (objective: number, windowDays = 30) => burnRates({ ...defaultSettings.slo, objective, windowDays });

  test("returns the factors 14.4, 6 and 1 for 30 days", () => {
    const { fast, slow, ticket } = of(0.999);
    expect([fast, slow, ticket].map(({ factor, failureShare }) => [factor, failureShare])).toEqual([
      [14.4, 0.0144],
      [6, 0.006],
      [1, 0.001],
    ]);
  });

  test("scales the factors to the window, with a minimum of 1", () => {
    const { fast, slow, ticket } = of(0.99, 7);
    expect([fast.factor, slow.factor, ticket.factor]).toEqual([3.36, 1.4, 1]);
    expect([fast.budgetShare, slow.budgetShare, ticket.budgetShare]).toEqual([0.02, 0.05, 0.43]);
  });

  test("caps the failure share for a low objective, so that the alert can fire", () => {
    expect(of(0.9).fast.failureShare).toBe(0.9);
  });

  test.each([0, 1, 99.9, Number.NaN])("rejects an objective of %s", (objective) => {
    expect(() => of(objective)).toThrow(`slo.objective is ${objective}`);
  });

  test("rejects a window shorter than that of the slowest alert", () => {
    expect(() => of(0.999, 1)).toThrow("slo.windowDays is 1");
  });
});

describe("inhibitions", () => {
  test("have no cycles, and silence pages only by a page that says more", () => {
    const severity = new Map(all.map((alert) => [alert.name, alert.severity]));
    const silences = new Map<string, ReadonlyArray<string>>();
    for (const { source, targets } of inhibitions) silences.set(source, [...(silences.get(source) ?? []), ...targets]);
    const reach = (name: string, seen: ReadonlySet<string> = new Set()): boolean =>
      (silences.get(name) ?? []).some((next) => seen.has(next) || reach(next, new Set([...seen, next])));
    for (const name of silences.keys()) expect(reach(name, new Set([name]))).toBe(false);
    const pages = inhibitions.flatMap(({ source, targets }) =>
      targets.filter((target) => severity.get(target) === "page").map((target) => `${source} silences ${target}`),
    );
    expect(pages).toEqual([
      "FlameMetricsAbsent silences FlameErrorBudgetBurnFast",
      "FlameMetricsAbsent silences FlameErrorBudgetBurnSlow",
      "FlameMetricsAbsent silences FlamePoolSaturated",
      "FlameErrorBudgetBurnFast silences FlameErrorBudgetBurnSlow",
      "FlameErrorBudgetBurnFast silences FlamePoolSaturated",
    ]);
  });

  test("silence no alert that keeps firing for longer than what silences it, nor one about security", () => {
    const minutes = new Map(all.map(({ name, keepFiringFor = "0m" }) => [name, Number.parseInt(keepFiringFor, 10)]));
    const longer = inhibitions
      .filter(({ source }) => source !== "FlameMetricsAbsent")
      .flatMap(({ source, targets }) =>
        targets
          .filter((target) => minutes.get(target)! > minutes.get(source)! && target !== "FlameBootSlow")
          .map((target) => `${source} ${minutes.get(source)} min silences ${target} ${minutes.get(target)} min`),
      );
    expect(longer).toEqual([]);
    expect(inhibitions.flatMap(({ targets }) => targets)).not.toContain("FlameSignatureRejections");
  });

  test("a ticket waits for longer than its short window, so that a fault that is over sends none", () => {
    for (const { name, severity, for: wait, expr } of all.filter(({ severity }) => severity === "ticket")) {
      // Crashes are counted, the budget has its own windows, and a forecast is about no fault.
      if (["FlameRunnerCrashLoop", "FlameErrorBudgetBurnTicket", "FlamePoolSaturationForecast"].includes(name))
        continue;
      const windows = [...expr.matchAll(/\[(\d+)m\]/g)].map(([, minutes]) => Number(minutes));
      expect(wait, `${name} (${severity})`).toBe("10m");
      expect(Math.min(...windows), name).toBeLessThan(10);
    }
  });

  test("are the same in docs/alerts.md and otel/alertmanager.yaml", () => {
    const block = /```yaml alertmanager\n([\s\S]*?)```/.exec(read("docs/alerts.md"))?.[1];
    type Config = { readonly route: { readonly routes: unknown }; readonly inhibit_rules: unknown };
    const [page, file] = [parse(block!) as Config, parse(read("otel/alertmanager.yaml")) as Config];
    expect(page.inhibit_rules).toEqual(inhibitRules());
    expect(file.inhibit_rules).toEqual(inhibitRules());
    expect(file.route.routes).toEqual(page.route.routes);
  });
});

describe("committed rule files", () => {
  test("match the default settings", () => {
    for (const [path, text] of ruleFiles(defaultSettings)) expect(read(path), `${path}: npm run bundle`).toBe(text);
  });
});

describe("formatPercent and spellDuration", () => {
  test("return short numbers with units", () => {
    expect([formatPercent(0.0144), formatPercent(1 - 0.999), formatPercent(0.8)]).toEqual(["1.44%", "0.1%", "80%"]);
    expect([
      spellDuration(1),
      spellDuration(90),
      spellDuration(120),
      spellDuration(3600),
      spellDuration(172_800),
    ]).toEqual(["1 second", "90 seconds", "2 minutes", "1 hour", "2 days"]);
  });
});
