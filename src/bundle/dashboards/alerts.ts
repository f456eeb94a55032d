/** Alert panels: how many alerts fire now, and which fired when. Each links to its section of the runbook. */
import type { Panel } from "@grafana/grafana-foundation-sdk/dashboard";
import { alertNames } from "../alert-names.ts";
import { externalSelector } from "../external-series.ts";
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

/** The number of firing alerts. */
export const firingCount = (settings: BundleSettings): Panel =>
  stat({
    title: "Alerts firing",
    description: `${settings.name} alerts that are firing, for any pool. The panel below shows which ones and since when.`,
    queries: [
      promql(`count(${externalSelector("alerts", { alertname, alertstate: "firing" })}) or vector(0)`, "firing"),
    ],
    unit: "short",
    decimals: 0,
    levels: alertFrom(1),
  });

/** All pending and firing alerts over time. */
export const alertTimeline = (settings: BundleSettings): Panel => {
  const pending = externalSelector("alerts", { alertname, alertstate: "pending" });
  const firing = externalSelector("alerts", { alertname, alertstate: "firing" });
  return timeline(
    {
      title: "Alerts",
      description:
        "What is wrong, for whom, and since when. Click a bar to open the alert's section of the runbook. The bars come from the series ALERTS, which exists where Prometheus evaluates the rules.",
      queries: [
        promql(
          max(`${pending} or 2 * ${firing}`, "alertname", "job", "flame_pool_name", "rpc_method"),
          "{{alertname}} {{job}} {{flame_pool_name}} {{rpc_method}}",
        ),
      ],
      unit: "short",
      nothing: "No alert is firing or pending",
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
