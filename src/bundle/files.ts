/** Every file that is made from the settings. */
import { ruleFiles } from "./rules/rule-files.ts";
import type { BundleSettings } from "./settings.ts";

/** The files by path, from the root of the repository or of the folder that they are written to. */
export const bundleFiles = (settings: BundleSettings): ReadonlyMap<string, string> => new Map([...ruleFiles(settings)]);
