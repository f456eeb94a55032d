/** The runbook dashboard: one panel per alert with its section of the page, so alerts can link to it. */
import type { Dashboard, Panel } from "@grafana/grafana-foundation-sdk/dashboard";
import { type AlertName, alertNames } from "../alert-names.ts";
import { runbookPanelId, runbookPath } from "../runbook-link.ts";
import type { BundleSettings } from "../settings.ts";
import { alertTimeline } from "./alerts.ts";
import { makeDashboard } from "./dashboard.ts";
import { line } from "./layout.ts";
import { text } from "./lists.ts";

/** Returns the sections under second-level headings, by heading. */
const sectionsOf = (page: string): ReadonlyMap<string, string> =>
  new Map(
    page
      .split(/^## /m)
      .slice(1)
      .map((section) => {
        const [heading = "", ...rest] = section.split("\n");
        return [heading.trim(), rest.join("\n").trim()] as const;
      }),
  );

/** Rewrites links between alert sections into links to their panels. */
const withPanelLinks = (settings: BundleSettings, section: string): string =>
  section.replaceAll(/\]\(#(\w+)\)/g, (whole, anchor: string) => {
    const alert = alertNames.find((name) => name.toLowerCase() === anchor);
    return alert === undefined ? whole : `](${runbookPath(settings, alert)})`;
  });

/**
 * Builds the runbook dashboard.
 *
 * @param page the runbook in Markdown, with a heading `## FlameXyz` for each alert
 * @throws {TypeError} if an alert has no section
 */
export const runbook = (settings: BundleSettings, page: string): Dashboard => {
  const sections = sectionsOf(page);
  const panel = (alert: AlertName): Panel => {
    const section = sections.get(alert);
    if (section === undefined) throw new TypeError(`The runbook has no section "## ${alert}". Add it.`);
    const content = withPanelLinks(settings, section);
    return { ...text(alert, `What to do when ${alert} fires.`, content), id: runbookPanelId(alert) };
  };
  const pairs = alertNames.flatMap((_, index) => (index % 2 === 0 ? [alertNames.slice(index, index + 2)] : []));
  return makeDashboard(
    settings,
    "runbook",
    ["job", "instance"],
    [
      { lines: [line(5, alertTimeline(settings))] },
      { title: "What to do", lines: pairs.map((pair) => line(20, ...pair.map(panel))) },
    ],
  );
};
