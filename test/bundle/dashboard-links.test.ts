import { describe, expect, test } from "vitest";
import { alertNames } from "../../src/bundle/alert-names.ts";
import { asking, type Dashboard, type Link, linksOf, shippedDashboards } from "./shipped.ts";

const dashboards = shippedDashboards();
const byUid = new Map(dashboards.map((dashboard) => [dashboard.uid, dashboard]));
const runbook = byUid.get("firelight-runbook")!;

const panelLinks = (dashboard: Dashboard): ReadonlyArray<Link> => dashboard.panels.flatMap(linksOf);

/** A link with every variable filled in, as in Grafana. */
const filled = ({ url }: Link): URL =>
  new URL(
    url
      .replaceAll("${__url_time_range}", "from=now-1h&to=now")
      .replaceAll(/\$\{(\w+):queryparam\}/g, "var-$1=x")
      .replaceAll(/\$\{[^}]+\}/g, "x"),
    "http://grafana",
  );

interface Pane {
  readonly datasource: string;
  readonly range: { readonly from: string; readonly to: string };
  readonly queries: ReadonlyArray<{ readonly query?: string; readonly expr?: string; readonly queryType: string }>;
}

const paneOf = (link: Link): Pane => {
  const panes = JSON.parse(filled(link).searchParams.get("panes") ?? "{}") as Record<string, Pane>;
  return panes["firelight"]!;
};

describe("dashboard links", () => {
  test("lead to dashboards, panels and variables that exist", () => {
    const links = dashboards.flatMap((dashboard) => [...dashboard.links, ...panelLinks(dashboard)]);
    const inside = links.filter(({ url }) => url.startsWith("/d/"));
    expect(inside.length).toBeGreaterThan(100);
    for (const link of inside) {
      const { pathname, searchParams } = filled(link);
      const target = byUid.get(pathname.replace("/d/", ""));
      expect(target, link.url).toBeDefined();
      const panel = searchParams.get("viewPanel");
      if (panel !== null)
        expect(
          target?.panels.map(({ id }) => String(id)),
          link.url,
        ).toContain(panel);
    }
  });

  test("set only variables that the target dashboard has", () => {
    const chosen = dashboards
      .flatMap(panelLinks)
      .flatMap(({ url }) => [...url.matchAll(/[?&]var-(\w+)=/g)].map(([, name]) => [url, name] as const));
    expect(chosen.length).toBeGreaterThan(5);
    for (const [url, name] of chosen) {
      const target = byUid.get(/^\/d\/([\w-]+)/.exec(url)?.[1] ?? "");
      expect(
        target?.templating.list.map((one) => one.name),
        url,
      ).toContain(name);
    }
  });

  test("lead only to dashboards and Explore", () => {
    for (const { url } of dashboards.flatMap(panelLinks)) expect(url).toMatch(/^\/(d|explore)[/?]/);
  });

  test("lead from every dashboard to every other, keeping variables and time range", () => {
    for (const { uid, links } of dashboards) {
      expect(links.map(({ url }) => url.replace("/d/", "")).toSorted()).toEqual(
        [...byUid.keys()].filter((other) => other !== uid).toSorted(),
      );
      for (const link of links) expect(link).toMatchObject({ includeVars: true, keepTime: true });
    }
  });

  test("to Explore have one query, the selected data source and the same time range", () => {
    const links = dashboards.flatMap(panelLinks).filter(({ url }) => url.startsWith("/explore"));
    expect(links.length).toBeGreaterThan(20);
    for (const link of links) {
      expect(link.url).toMatch(/\$\{(tempo|loki)_datasource\}/);
      const { datasource, range, queries } = paneOf(link);
      expect(datasource).toBe("x");
      expect(range).toEqual({ from: "x", to: "x" });
      expect(queries).toHaveLength(1);
      const [{ query, expr } = {}] = queries;
      expect(query ?? expr).toMatch(/\S/);
    }
  });

  test("to Explore encode all reserved characters", () => {
    for (const { url } of dashboards.flatMap(panelLinks).filter((link) => link.url.startsWith("/explore")))
      expect(url.replaceAll(/\$\{[^}]+\}/g, "")).toMatch(/^\/explore\?schemaVersion=1&panes=[\w%.~!*'()-]+$/);
  });

  test("lead from every row of a trace list to the trace and to its logs", () => {
    const lists = dashboards
      .flatMap(asking)
      .filter(({ type, datasource }) => type === "table" && datasource?.type === "tempo");
    expect(lists.length).toBeGreaterThanOrEqual(5);
    for (const list of lists) {
      const [trace, logs, ...others] = linksOf(list);
      expect(others).toEqual([]);
      expect(paneOf(trace!).queries[0]?.query).toBe("x");
      expect(paneOf(logs!).queries[0]?.expr).toBe('{service_name=~".+"} | trace_id="x"');
    }
  });

  test("lead from every panel that names an alert to the runbook", () => {
    for (const { title, description = "", links = [] } of dashboards.flatMap(asking)) {
      const named = alertNames.filter((alert) => description.includes(alert));
      const led = links.flatMap((link) => /viewPanel=(\d+)/.exec(link.url)?.[1] ?? []);
      if (named.length > 0) expect(led.length, title).toBeGreaterThan(0);
    }
  });

  test("to the runbook are titled with the alert of their panel", () => {
    const titles = new Map(runbook.panels.map(({ id, title }) => [String(id), title]));
    const led = dashboards.flatMap(panelLinks).filter(({ url }) => url.includes("viewPanel="));
    expect(led.length).toBeGreaterThan(alertNames.length);
    for (const { title, url } of led)
      expect(title).toBe(`Runbook: ${titles.get(/viewPanel=(\d+)/.exec(url)?.[1] ?? "")}`);
  });

  test("lead from each bar of the alert timeline to the alert's runbook section", () => {
    const timeline = byUid.get("firelight-overview")?.panels.find(({ title }) => title === "Alerts");
    for (const alert of alertNames) {
      const matching = timeline!.fieldConfig!.overrides.filter(({ matcher }) => {
        const [, pattern = ""] = /^\/(.*)\/$/.exec(matcher.options) ?? [];
        return new RegExp(pattern).test(`${alert} default images/thumbnail`);
      });
      expect(matching).toHaveLength(1);
      expect(JSON.stringify(matching)).toContain(`Runbook: ${alert}`);
    }
  });
});
