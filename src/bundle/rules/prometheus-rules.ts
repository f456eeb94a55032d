/** Writes recording rules and alerts as Prometheus rule files. */
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
    [
      "Firelight's recording rules, generated from the bundle's settings. The alerts need them, wherever those are evaluated.",
    ],
    {
      groups: recordingGroups(settings),
    },
  );

export const alertRulesFile = (settings: BundleSettings): string =>
  toYaml(
    [
      "Firelight's alerts for Prometheus 2.42 or newer, generated from the bundle's settings.",
      "Load the recording rules too. Use either this file or Grafana's provisioning, not both.",
    ],
    { groups: [{ name: `${settings.uid}-alerts`, rules: alerts(settings).map(ruleOf) }] },
  );
