/** Everything that the bundle writes. */
import { completeSettings } from "./complete-settings.ts";
import { dashboardFiles } from "./dashboards/files.ts";
import { ruleFiles } from "./rules/rule-files.ts";
import { readRunbookPage } from "./runbook-page.ts";
import type { BundleSettings } from "./settings.ts";

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
