/**
 * What all dashboards have in common: names, time range, links to each other, variables, and alert annotations on every
 * graph.
 */
import {
  type AnnotationQuery,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  type DashboardLink,
  DashboardLinkType,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { externalSelector } from "../external-series.ts";
import type { BundleSettings } from "../settings.ts";
import { colors } from "./colors.ts";
import { layOut, type Section } from "./layout.ts";
import { type DashboardName, dashboardNames } from "./names.ts";
import { datasourceOf } from "./queries.ts";
import { type Choice, makeVariables } from "./variables.ts";

/** The uid of a dashboard; also the name of its file. */
export const dashboardUid = ({ uid }: BundleSettings, name: DashboardName): string => `${uid}-${name}`;

export const dashboardTitle = (settings: BundleSettings, name: DashboardName): string =>
  `${settings.name} / ${dashboardNames[name].title}`;

const linkTo = (settings: BundleSettings, name: DashboardName): DashboardLink => ({
  title: dashboardNames[name].title,
  tooltip: dashboardNames[name].tooltip,
  type: DashboardLinkType.Link,
  icon: name === "runbook" ? "question" : "dashboard",
  url: `/d/${dashboardUid(settings, name)}`,
  tags: [],
  asDropdown: false,
  targetBlank: false,
  includeVars: true,
  keepTime: true,
});

const annotations: ReadonlyArray<AnnotationQuery> = [
  {
    name: "Annotations & Alerts",
    type: "dashboard",
    builtIn: 1,
    datasource: { type: "grafana", uid: "-- Grafana --" },
    enable: true,
    hide: true,
    iconColor: "rgba(0, 211, 255, 1)",
  },
  {
    name: "Firing alerts",
    datasource: datasourceOf("prometheus"),
    enable: true,
    iconColor: colors.error,
    expr: externalSelector("alerts", { alertname: "Flame.+", alertstate: "firing" }),
    step: "60s",
    titleFormat: "{{alertname}}",
    textFormat: "{{severity}} {{flame_pool_name}} {{rpc_method}}",
    tagKeys: "severity",
  },
];

/** Builds a dashboard from sections. */
export const makeDashboard = (
  settings: BundleSettings,
  name: DashboardName,
  choices: ReadonlyArray<Choice>,
  sections: ReadonlyArray<Section>,
): Dashboard => {
  const others = (Object.keys(dashboardNames) as ReadonlyArray<DashboardName>).filter((other) => other !== name);
  return {
    ...new DashboardBuilder(dashboardTitle(settings, name))
      .uid(dashboardUid(settings, name))
      .description(dashboardNames[name].tooltip)
      .tags([settings.uid])
      .readonly()
      .tooltip(DashboardCursorSync.Crosshair)
      .time({ from: "now-1h", to: "now" })
      .refresh("30s")
      .build(),
    templating: { list: makeVariables(settings, choices) },
    annotations: { list: [...annotations] },
    links: others.map((other) => linkTo(settings, other)),
    panels: layOut(sections),
  };
};
