/** The definition of an alert, for Prometheus and for Grafana. */
import type { AlertName } from "../alert-names.ts";
import { runbookLink } from "../runbook-link.ts";
import type { BundleSettings } from "../settings.ts";
import { type AlertDashboard, type DashboardVariable, dashboardUrl } from "./dashboard-url.ts";

/**
 * How urgent an alert is. `page`: wakes someone, because callers fail or monitoring is blind. `ticket`: someone looks
 * within a day. `info`: does not notify; appears on dashboards only.
 */
export type Severity = "page" | "ticket" | "info";

/** What an alert is about, for routing: `security` may go to other people. */
export type Area = "calls" | "pools" | "runners" | "security" | "telemetry";

/** How an alert compares its value. */
export interface Comparison {
  /** The operator. */
  readonly operator: ">" | ">=";
  /** The value to compare with. */
  readonly threshold: number;
}

/** The definition of an alert. Texts are Prometheus templates with `$labels` and `$value`. */
export interface AlertSpec {
  /** The alert's name. */
  readonly name: AlertName;
  /** How urgent it is. */
  readonly severity: Severity;
  /** What it is about. */
  readonly area: Area;
  /** PromQL of the value to compare. */
  readonly value: string;
  /** When the value is too high. */
  readonly comparison: Comparison;
  /** Further conditions: PromQL operands of `and`. Default: none. */
  readonly conditions?: ReadonlyArray<string>;
  /** How long the condition must hold before the alert fires, as a Prometheus duration. */
  readonly for: string;
  /** How long the alert keeps firing after the condition last held, as a Prometheus duration. Default: 0. */
  readonly keepFiringFor?: string;
  /** What happens, in one line. */
  readonly summary: string;
  /** What it means and what to do first. */
  readonly description: string;
  /** The dashboard that it links to. */
  readonly dashboard: AlertDashboard;
  /** The dashboard variables that the alert has labels for. */
  readonly variables: ReadonlyArray<DashboardVariable>;
}

/** The annotations of an alert. */
export interface AlertAnnotations {
  /** What happens, in one line. */
  readonly summary: string;
  /** What it means and what to do first. */
  readonly description: string;
  /** Link to the alert's section in the runbook. */
  readonly runbook_url: string;
  /** Link to a dashboard, filtered by the alert's labels. */
  readonly dashboard_url: string;
}

/** A complete alert, as the rule files contain it. */
export interface AlertRule extends Omit<AlertSpec, "summary" | "description" | "dashboard" | "variables"> {
  /** Further conditions: PromQL operands of `and`. */
  readonly conditions: ReadonlyArray<string>;
  /** Value, comparison and conditions as one PromQL expression. */
  readonly expr: string;
  /** Labels for routing. */
  readonly labels: {
    /** How urgent it is. */
    readonly severity: Severity;
    /** What it is about. */
    readonly area: Area;
  };
  /** Texts and links. */
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
