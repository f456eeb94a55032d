/** Generates all files of the bundle. */
import { completeSettings } from "./resolve-settings.ts";
import { dashboardFiles } from "./dashboards/files.ts";
import type { BundleSettings } from "./settings.ts";
import { readFileSync } from "node:fs";
import { ConfigError } from "../contract/errors.ts";
import { grafanaAlertingFile } from "./rules/grafana-alerting.ts";
import { alertRulesFile, recordingRulesFile } from "./rules/prometheus-rules.ts";

/**
 * Returns the recording rules and alerts for Prometheus, and the same alerts for Grafana.
 *
 * @throws {ConfigError} for an invalid setting; the message names it and what to do
 */
export const ruleFiles = (settings: BundleSettings): ReadonlyMap<string, string> =>
  new Map([
    [`otel/rules/${settings.uid}.rules.yaml`, recordingRulesFile(settings)],
    [`otel/rules/${settings.uid}.alerts.yaml`, alertRulesFile(settings)],
    [`grafana/provisioning/alerting/${settings.uid}.yaml`, grafanaAlertingFile(settings)],
  ]);

/**
 * Returns the runbook in the package, in Markdown with a heading for each alert.
 *
 * @throws {ConfigError} in a bundled program, which does not have the page
 */
export const readRunbookPage = (): string => {
  try {
    return readFileSync(new URL("../../dashboards/runbook.md", import.meta.url), "utf8");
  } catch (cause) {
    throw new ConfigError(
      "Cannot read the runbook, a file of the package. If this program is bundled, keep firelight/bundle out of the bundle: see docs/bundlers.md.",
      { cause },
    );
  }
};

/**
 * Generates the files of the bundle, by path, such as `dashboards/firelight-pools.json`. The same settings always
 * produce the same text.
 *
 * @param settings the settings, from {@link completeSettings}
 * @param runbookPage the runbook in Markdown, with a heading `## FlameXyz` for each alert. Default: the one in the
 * package
 * @throws {ConfigError} for an invalid setting.
 *
 * @example
 * ```ts
 * import { bundleFiles, completeSettings } from "firelight/bundle";
 *
 * for (const [path, text] of bundleFiles(completeSettings({ name: "Shop", uid: "shop" }))) console.log(path, text.length);
 * ```
 */
export const bundleFiles = (
  settings: BundleSettings,
  runbookPage: string = readRunbookPage(),
): ReadonlyMap<string, string> => {
  const checked = completeSettings(settings);
  return new Map([...dashboardFiles(checked, runbookPage), ...ruleFiles(checked)]);
};
