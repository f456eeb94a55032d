/** The runbook: one page for people, from which the dashboard of the same name is made. */
import { readFileSync } from "node:fs";
import { ConfigError } from "../contract/errors.ts";

/**
 * The page as it ships, in Markdown, with a heading for each alert.
 *
 * @throws {ConfigError} in a program that a bundler made, which does not have the page.
 */
export const readRunbookPage = (): string => {
  try {
    return readFileSync(new URL("../../dashboards/runbook.md", import.meta.url), "utf8");
  } catch (cause) {
    throw new ConfigError(
      "The runbook could not be read: it is a file of the package. If this program is bundled, keep firelight/bundle out of the bundle: see docs/bundlers.md.",
      { cause },
    );
  }
};
