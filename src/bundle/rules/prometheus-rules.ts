/** Recording rules and alerts as files of Prometheus. */
import { stringify } from "yaml";
import type { BundleSettings } from "../settings.ts";
import type { AlertRule } from "./alert-rule.ts";
import { alerts } from "./alerts.ts";
import { recordingGroups } from "./recording.ts";

const toYaml = (comment: ReadonlyArray<string>, value: unknown): string =>
  [...comment.map((line) => `# ${line}\n`), stringify(value, { lineWidth: 0 })].join("");

const ruleOf = (alert: AlertRule): object => ({
  alert: alert.name,
  expr: alert.expr,
  for: alert.for,
  ...(alert.keepFiringFor === undefined ? {} : { keep_firing_for: alert.keepFiringFor }),
  labels: alert.labels,
  annotations: alert.annotations,
});

export const recordingRulesFile = (settings: BundleSettings): string =>
  toYaml(
    ["Recording rules of Firelight, made from its settings. The alerts need them, wherever those are evaluated."],
    {
      groups: recordingGroups(settings),
    },
  );

export const alertRulesFile = (settings: BundleSettings): string =>
  toYaml(
    [
      "Alerts of Firelight, made from its settings, for Prometheus 2.42 or newer.",
      "Load the recording rules beside it. Use either this file or the provisioning of Grafana, not both.",
    ],
    { groups: [{ name: `${settings.uid}-alerts`, rules: alerts(settings).map(ruleOf) }] },
  );
