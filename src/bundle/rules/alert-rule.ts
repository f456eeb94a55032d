/** What an alert is, whoever evaluates it: Prometheus, or Grafana. */
import type { AlertName } from "../alert-names.ts";
import { runbookLink } from "../runbook-link.ts";
import type { BundleSettings } from "../settings.ts";
import { type AlertDashboard, type DashboardVariable, dashboardUrl } from "./dashboard-url.ts";

/**
 * Who hears of it, and when. `page`: somebody gets up, for callers are harmed, or nobody can see whether they are.
 * `ticket`: somebody looks within a day or so. `info`: nobody is told; it stands on the dashboards.
 */
export type Severity = "page" | "ticket" | "info";

/** What an alert is about, for routes: `security` may go to other people. */
export type Area = "calls" | "pools" | "runners" | "security" | "telemetry";

export interface Comparison {
  readonly operator: ">" | ">=";
  readonly threshold: number;
}

/** An alert, written down once. Texts are templates of Prometheus, with `$labels` and `$value`. */
export interface AlertSpec {
  readonly name: AlertName;
  readonly severity: Severity;
  readonly area: Area;
  /** PromQL of the value that is judged, and that people are told. */
  readonly value: string;
  readonly comparison: Comparison;
  /** What else must be true: PromQL that follows `and`. */
  readonly conditions?: ReadonlyArray<string>;
  /** How long it must be true before somebody hears of it. */
  readonly for: string;
  /** How long it stays after it was true last, so that one trouble is one message. */
  readonly keepFiringFor?: string;
  readonly summary: string;
  readonly description: string;
  readonly dashboard: AlertDashboard;
  /** Those variables of the dashboard that the alert has labels for. */
  readonly variables: ReadonlyArray<DashboardVariable>;
}

export interface AlertAnnotations {
  readonly summary: string;
  readonly description: string;
  readonly runbook_url: string;
  readonly dashboard_url: string;
}

/** An alert, complete. */
export interface AlertRule extends Omit<AlertSpec, "summary" | "description" | "dashboard" | "variables"> {
  readonly conditions: ReadonlyArray<string>;
  /** Value, comparison and conditions as one expression. */
  readonly expr: string;
  readonly labels: { readonly severity: Severity; readonly area: Area };
  readonly annotations: AlertAnnotations;
}

const indent = (text: string): string => text.replaceAll(/^/gm, "  ");

/** Combines a value with its conditions: the query of a Grafana alert, before its threshold. */
export const conditionalValue = (value: string, conditions: ReadonlyArray<string>): string =>
  [`(\n${indent(value)}\n)`, ...conditions.map((condition) => `and ${condition}`)].join("\n");

const wholeExpression = ({ value, comparison, conditions = [] }: AlertSpec): string =>
  [
    `(\n${indent(value)}\n) ${comparison.operator} ${comparison.threshold}`,
    ...conditions.map((condition) => `and ${condition}`),
  ].join("\n");

export const completeAlert = (settings: BundleSettings, spec: AlertSpec): AlertRule => {
  const { summary, description, dashboard, variables, ...rest } = spec;
  return {
    ...rest,
    conditions: spec.conditions ?? [],
    expr: wholeExpression(spec),
    labels: { severity: spec.severity, area: spec.area },
    annotations: {
      summary,
      description,
      runbook_url: runbookLink(settings, spec.name),
      dashboard_url: dashboardUrl(settings, dashboard, variables),
    },
  };
};
