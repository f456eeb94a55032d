/** Everything that the bundle writes. */
import { completeSettings } from "./resolve-settings.ts";
import { dashboardFiles } from "./dashboards/files.ts";
import { ruleFiles } from "./rules/rule-files.ts";
import { readRunbookPage } from "./runbook-page.ts";
import type { BundleSettings } from "./settings.ts";

/**
 * The files of the bundle by their paths, such as `dashboards/firelight-pools.json`. The same settings give the same
 * text.
 *
 * ```ts
 * import { bundleFiles, completeSettings } from "firelight/bundle";
 *
 * for (const [path, text] of bundleFiles(completeSettings({ name: "Shop", uid: "shop" }))) console.log(path, text.length);
 * ```
 *
 * @param runbookPage the runbook in Markdown, with a heading `## FlameXyz` for each alert. Default: the one that ships
 * @throws {ConfigError} for a setting that cannot work.
 */
export const bundleFiles = (
  settings: BundleSettings,
  runbookPage: string = readRunbookPage(),
): ReadonlyMap<string, string> => {
  const checked = completeSettings(settings);
  return new Map([...dashboardFiles(checked, runbookPage), ...ruleFiles(checked)]);
};
