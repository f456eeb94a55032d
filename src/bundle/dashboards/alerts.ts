/** The alerts as panels: how many fire now, and what fired when. Each leads to its section of the runbook. */
import type { Panel } from "@grafana/grafana-foundation-sdk/dashboard";
import { alertNames } from "../alert-names.ts";
import { foreign } from "../external-series.ts";
import type { BundleSettings } from "../settings.ts";
import { colors } from "./colors.ts";
import { max } from "./expressions.ts";
import { stat } from "./graphs.ts";
import { runbookPanelLink } from "./links.ts";
import { timeline } from "./lists.ts";
import { override } from "./panel.ts";
import { promql } from "./queries.ts";
import { alertFrom } from "./thresholds.ts";

const alertname = "Flame.+";

/** How many alerts fire. */
export const firingCount = (settings: BundleSettings): Panel =>
  stat({
    title: "Alerts firing",
    description: `Alerts of ${settings.name} that fire now, in any pool. Which ones, and since when, is in the panel below.`,
    queries: [promql(`count(${foreign("alerts", { alertname, alertstate: "firing" })}) or vector(0)`, "firing")],
    unit: "short",
    decimals: 0,
    levels: alertFrom(1),
  });

/** Every alert that was pending or fired, over time. */
export const alertTimeline = (settings: BundleSettings): Panel => {
  const pending = foreign("alerts", { alertname, alertstate: "pending" });
  const firing = foreign("alerts", { alertname, alertstate: "firing" });
  return timeline(
    {
      title: "Alerts",
      description:
        "What is wrong, for whom, and since when. A click on a bar leads to the alert's section of the runbook. The bars are made from the series ALERTS, which is where Prometheus itself evaluates the rules.",
      queries: [
        promql(
          max(`${pending} or 2 * ${firing}`, "alertname", "job", "flame_pool_name", "rpc_method"),
          "{{alertname}} {{job}} {{flame_pool_name}} {{rpc_method}}",
        ),
      ],
      unit: "short",
      nothing: "No alert fires or is pending",
    },
    [
      { value: 1, text: "pending", color: colors.waiting },
      { value: 2, text: "firing", color: colors.error },
    ],
    alertNames.map((alert) =>
      override("byRegexp", `/^${alert}\\b/`, { id: "links", value: [runbookPanelLink(settings, alert)] }),
    ),
  );
};
