/**
 * Writes the alerts as a provisioning file for Grafana's own alerting. The recording rules stay in Prometheus.
 *
 * Each alert has three steps: A queries the value under its conditions, B reduces it to a number, C compares it. An
 * alert whose conditions no longer hold has no series, which Grafana treats differently from a comparison that fails.
 * Both must last for the same time before the alert resolves.
 */
import { QueryBuilder, RuleBuilder, type Rule } from "@grafana/grafana-foundation-sdk/alerting";
import { TypeReduceBuilder, TypeThresholdBuilder } from "@grafana/grafana-foundation-sdk/expr";
import { DataqueryBuilder } from "@grafana/grafana-foundation-sdk/prometheus";
import { stringify } from "yaml";
import type { BundleSettings } from "../settings.ts";
import { type AlertRule, conditionalValue } from "./alert-rule.ts";
import { alerts } from "./alerts.ts";

const expressions = "__expr__";

/** How far back Grafana looks for the latest value, in seconds. */
const lookBack = { from: 600, to: 0 };

const evaluationMinutes = 1;

const minutesOf = (duration: string): number => {
  const [, count = "0", unit = "s"] = /^(\d+)([smh])$/.exec(duration) ?? [];
  return Number(count) * { s: 1 / 60, m: 1, h: 60 }[unit as "s" | "m" | "h"];
};

/**
 * Translates a Prometheus template. Grafana calls `$value` after the step that computes it, and expands `$` as an
 * environment variable.
 */
const toGrafanaTemplate = (template: string): string =>
  template.replaceAll("$labels.", ".Labels.").replaceAll("$value", ".Values.B.Value");

/** At most 40 characters, Grafana's limit: `completeSettings` bounds the first part. */
const uidOf = ({ uid }: BundleSettings, { name }: AlertRule): string =>
  `${uid}-${name.replace(/^Flame/, "").toLowerCase()}`;

const ruleBuilder = (settings: BundleSettings, alert: AlertRule): RuleBuilder => {
  const { operator, threshold } = alert.comparison;
  const step = { type: expressions, uid: expressions };
  const rule = new RuleBuilder(alert.name)
    .uid(uidOf(settings, alert))
    .withQuery(
      new QueryBuilder("A")
        .datasourceUid(settings.datasources.prometheus)
        .relativeTimeRange(lookBack)
        .model(
          new DataqueryBuilder()
            .refId("A")
            .datasource({ type: "prometheus", uid: settings.datasources.prometheus })
            .expr(conditionalValue(alert.value, alert.conditions))
            .instant(),
        ),
    )
    .withQuery(
      new QueryBuilder("B")
        .datasourceUid(expressions)
        .relativeTimeRange(lookBack)
        .model(new TypeReduceBuilder().refId("B").datasource(step).expression("A").reducer("last")),
    )
    .withQuery(
      new QueryBuilder("C")
        .datasourceUid(expressions)
        .relativeTimeRange(lookBack)
        .model(
          new TypeThresholdBuilder()
            .refId("C")
            .datasource(step)
            .expression("B")
            .conditions([{ evaluator: { type: operator === ">" ? "gt" : "gte", params: [threshold] } }]),
        ),
    )
    .condition("C")
    .noDataState("OK")
    .execErrState("Error")
    .forDuration(alert.for)
    .labels(alert.labels)
    .annotations(
      Object.fromEntries(Object.entries(alert.annotations).map(([name, text]) => [name, toGrafanaTemplate(text)])),
    );
  return alert.keepFiringFor === undefined
    ? rule
    : rule
        .keepFiringFor(alert.keepFiringFor)
        .missingSeriesEvalsToResolve(minutesOf(alert.keepFiringFor) / evaluationMinutes);
};

/**
 * Converts a rule to the field names of provisioning files, which differ from those of the API that the builders
 * target. Query models contain functions, which JSON omits.
 */
const toFile = (rule: Rule): object => ({
  uid: rule.uid,
  title: rule.title,
  condition: rule.condition,
  data: JSON.parse(JSON.stringify(rule.data)) as unknown,
  noDataState: rule.noDataState,
  execErrState: rule.execErrState,
  for: rule.for,
  ...(rule.keep_firing_for === undefined
    ? {}
    : {
        keepFiringFor: rule.keep_firing_for,
        missing_series_evals_to_resolve: rule.missingSeriesEvalsToResolve,
      }),
  labels: rule.labels,
  annotations: rule.annotations,
  isPaused: false,
});

/** `grafana/provisioning/alerting/firelight.yaml`. */
export const grafanaAlertingFile = (settings: BundleSettings): string => {
  const group = {
    orgId: 1,
    name: `${settings.uid}-alerts`,
    folder: settings.name,
    interval: `${evaluationMinutes}m`,
    rules: alerts(settings).map((alert) => toFile(ruleBuilder(settings, alert).build())),
  };
  return [
    "# Firelight's alerts for Grafana 12.2 or newer, generated from the bundle's settings. They need the recording rules in Prometheus.\n",
    "# Use either this file or the Prometheus alert rules, not both.\n",
    stringify({ apiVersion: 1, groups: [group] }, { lineWidth: 0, aliasDuplicateObjects: false }),
  ].join("");
};
