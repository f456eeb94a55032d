import { describe, expect, test } from "vitest";
import { alertNames } from "../../src/bundle/alert-names.ts";
import { completeSettings } from "../../src/bundle/resolve-settings.ts";
import { dashboardFiles } from "../../src/bundle/dashboards/files.ts";
import { runbookLink, runbookPanelId } from "../../src/bundle/runbook-link.ts";
import { readRunbookPage } from "../../src/bundle/files.ts";
import { defaultSettings } from "../../src/bundle/settings.ts";
import { asking, type Dashboard, type Panel, parse, shippedDashboards, shippedTexts } from "./shipped.ts";

const page = alertNames
  .map((alert) => `## ${alert}\n\nDo this. Then [look](#${alertNames[4].toLowerCase()}).`)
  .join("\n\n");

const made = (options: Parameters<typeof completeSettings>[0] = {}, text = page): ReadonlyMap<string, string> =>
  dashboardFiles(completeSettings(options), text);

const dashboard = (files: ReadonlyMap<string, string>, path: string): Dashboard => {
  const text = files.get(path);
  if (text === undefined) throw new Error(`There is no ${path} among ${[...files.keys()].join(", ")}.`);
  return parse(text);
};

const panel = (of: Dashboard, title: string): Panel => {
  const found = of.panels.find((one) => one.title === title);
  if (found === undefined) throw new Error(`${of.uid} has no panel "${title}".`);
  return found;
};

const steps = (of: Panel): ReadonlyArray<number | null> =>
  (of.fieldConfig?.defaults.thresholds?.steps ?? []).map(({ value }) => value);

describe("dashboardFiles", () => {
  test("generates the committed files from the default settings and the committed runbook", () => {
    const files = dashboardFiles(defaultSettings, readRunbookPage());
    expect(new Map([...files].map(([path, text]) => [path.replace("dashboards/", ""), text]))).toEqual(shippedTexts());
  });

  test("is deterministic, and every file ends with a line break", () => {
    expect([...made()]).toEqual([...made()]);
    for (const text of made().values()) expect(text).toMatch(/\}\n$/);
  });

  test("keeps panel ids when the name changes", () => {
    const ids = (name: string) =>
      dashboard(made({ name }), "dashboards/firelight-pools.json").panels.map(({ id }) => id);
    expect(ids("Shop")).toEqual(ids("Firelight"));
  });

  test("uses the user's name and uid everywhere, and the defaults nowhere", () => {
    const files = made({ name: "Shop", uid: "shop" });
    expect([...files.keys()]).toEqual(
      ["overview", "method", "pools", "retries", "runners", "telemetry", "runbook"].map(
        (name) => `dashboards/shop-${name}.json`,
      ),
    );
    for (const [path, text] of files) {
      expect(parse(text).title).toMatch(/^Shop \/ /);
      expect(parse(text).tags).toEqual(["shop"]);
      expect(text.replaceAll("%22firelight%22", ""), path).not.toMatch(/firelight-|Firelight|"firelight"/);
    }
  });

  test("preselects the user's data sources", () => {
    const files = made({ datasources: { prometheus: "mimir-1", tempo: "tempo-1", loki: "loki-1" } });
    for (const text of files.values()) {
      const sources = parse(text).templating.list.filter(({ type }) => type === "datasource");
      expect(sources.map(({ current }) => current?.value)).toEqual(["mimir-1", "tempo-1", "loki-1"]);
    }
  });

  test("adds the user's selector to every query and variable", () => {
    const all = made({ selector: 'cluster="eu"' });
    for (const text of all.values()) {
      for (const { targets = [] } of asking(parse(text)))
        for (const { expr = "" } of targets)
          for (const [selector] of expr.matchAll(/\b(?:flame|rpc)_\w+(?:\{[^}]*\})?(?=[^\w,)"]|$)/g))
            if (selector.includes("{")) expect(selector).toContain('cluster="eu"');
      for (const { type, definition } of parse(text).templating.list)
        if (type === "query") expect(definition).toContain('cluster="eu"');
    }
  });

  test("uses the user's thresholds in the panels of the alerts", () => {
    const files = made({
      thresholds: {
        saturationHigh: 0.61,
        saturationFull: 0.71,
        forecastSeconds: 1234,
        acquireSeconds: 2.5,
        acquireTimeoutShare: 0.033,
        amplification: 1.7,
        deadlineShare: 0.044,
        bootSeconds: 33,
        bootFailureShare: 0.22,
        crashes: 7,
        signatureRejections: 9,
        clockOffsetSeconds: 3,
        lostSpanShare: 0.055,
      },
    });
    const on = (name: string, title: string) =>
      steps(panel(dashboard(files, `dashboards/firelight-${name}.json`), title));
    expect(on("pools", "Saturation")).toEqual([null, 0.61, 0.71]);
    expect(on("overview", "Fullest pool")).toEqual([null, 0.61, 0.71]);
    expect(on("pools", "Time to limit by pool")).toEqual([null, 1234]);
    expect(on("pools", "Time to get a slot")).toEqual([null, 2.5]);
    expect(on("pools", "No slot by pool")).toEqual([null, 0.033]);
    expect(on("retries", "Amplification")).toEqual([null, 1.7]);
    expect(on("retries", "Timed out by method")).toEqual([null, 0.044]);
    expect(on("runners", "Boot time, p95")).toEqual([null, 33]);
    expect(on("runners", "Failed boots by pool")).toEqual([null, 0.22]);
    expect(on("runners", "Crashes within ten minutes, by pool")).toEqual([null, 7]);
    expect(on("runners", "Signature failures within five minutes")).toEqual([null, 9]);
    expect(on("runners", "Clock difference by pool, p95")).toEqual([null, 3]);
    expect(on("telemetry", "Lost spans by pool")).toEqual([null, 0.055]);
  });

  test("uses the user's objective and ignored statuses", () => {
    const failed = panel(
      dashboard(
        made({ slo: { objective: 0.99, ignoredStatuses: ["CANCELLED"] } }),
        "dashboards/firelight-overview.json",
      ),
      "Failed",
    );
    expect(steps(failed)).toEqual([null, 0.01, 0.144]);
    expect(failed.description).toContain("The objective is 99% over 30 days.");
    expect(failed.targets?.[0]?.expr).toContain('rpc_status_code!~"OK|CANCELLED"');
  });

  test("links to the user's runbook if runbookUrl is set", () => {
    const files = made({ runbookUrl: "https://wiki.example/flame" });
    const links = panel(dashboard(files, "dashboards/firelight-pools.json"), "Saturation").links ?? [];
    expect(links.map(({ url }) => url)).toEqual([
      "https://wiki.example/flame#flamepoolsaturationhigh",
      "https://wiki.example/flame#flamepoolsaturated",
    ]);
  });
});

describe("the runbook dashboard", () => {
  const runbook = dashboard(made(), "dashboards/firelight-runbook.json");

  test("has a panel for each alert, with the alert's stable panel id", () => {
    for (const alert of alertNames) {
      const { id, title, options } = panel(runbook, alert);
      expect(id).toBe(runbookPanelId(alert));
      expect(title).toBe(alert);
      expect(options?.content).toMatch(/^Do this\./);
    }
  });

  test("links between sections lead to panels", () => {
    expect(panel(runbook, alertNames[0]).options?.content).toContain("[look](/d/firelight-runbook?viewPanel=5)");
  });

  test("is the target of alert links, unless runbookUrl is set", () => {
    expect(runbookLink(defaultSettings, "FlamePoolSaturated")).toBe(
      "http://localhost:3000/d/firelight-runbook?viewPanel=5",
    );
    expect(runbookLink(completeSettings({ runbookUrl: "https://wiki.example/f" }), "FlamePoolSaturated")).toBe(
      "https://wiki.example/f#flamepoolsaturated",
    );
  });

  test("names only panels and variables that exist on the dashboards", () => {
    const byTitle = new Map(shippedDashboards().map((one) => [one.title.replace("Firelight / ", ""), one]));
    const named = [...readRunbookPage().matchAll(/\*\*([A-Z][\w -]+)\*\*([^*\n]*)/g)].flatMap(
      ([, title = "", rest = ""]) => {
        const of = byTitle.get(title);
        return of === undefined
          ? []
          : [...rest.matchAll(/\b_([A-Z][^_]+)_/g)].map(([, panelTitle]) => [of, panelTitle] as const);
      },
    );
    expect(named.length).toBeGreaterThan(alertNames.length);
    for (const [{ uid, panels, templating }, title] of named)
      expect(
        [...panels, ...templating.list.map(({ label }) => ({ title: label }))].map((one) => one.title),
        uid,
      ).toContain(title);
  });

  test("rejects a runbook without a section for an alert", () => {
    expect(() => made({}, page.replace("## FlameClockSkew", "## Clocks"))).toThrow(
      'The runbook has no section "## FlameClockSkew". Add it.',
    );
  });

  test("has non-empty content for each alert of the committed runbook", () => {
    const files = dashboardFiles(defaultSettings, readRunbookPage());
    const shipped = dashboard(files, "dashboards/firelight-runbook.json");
    for (const alert of alertNames) expect(panel(shipped, alert).options?.content?.length).toBeGreaterThan(0);
  });
});
