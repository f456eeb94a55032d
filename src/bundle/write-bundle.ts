/** Writes the files of the bundle into a folder. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { text } from "../contract/validation/option-checks.ts";
import { readOption } from "../contract/validation/option-schema.ts";
import { bundleFiles } from "./files.ts";
import type { BundleSettings } from "./settings.ts";

const folderCheck = text({ allowed: 'a path, such as "observability"' });

/**
 * Writes the files of the bundle and creates missing folders. Other files stay as they are.
 *
 * @param settings the settings, from {@link completeSettings}
 * @param folder the target folder, such as `observability`
 * @returns the paths within the folder, in the order of writing
 * @throws {ConfigError} for an invalid setting
 * @throws {Error} from the file system if a file cannot be written
 */
export const writeBundle = (settings: BundleSettings, folder: string): ReadonlyArray<string> => {
  readOption(folderCheck, folder, "writeBundle", "folder");
  const files = bundleFiles(settings);
  for (const [path, text] of files) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return [...files.keys()];
};

const read = (file: string): string | undefined => {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
};

/**
 * Compares a folder with the bundle.
 *
 * @param settings the settings, from {@link completeSettings}
 * @param folder the folder to compare
 * @returns the paths within the folder whose files are missing or differ from what the settings produce
 * @throws {ConfigError} for an invalid setting
 */
export const findDrift = (settings: BundleSettings, folder: string): ReadonlyArray<string> =>
  [...bundleFiles(settings)].flatMap(([path, text]) => (read(join(folder, path)) === text ? [] : [path]));
