/** The runbook: one page for people, from which the dashboard of the same name is made. */
import { readFileSync } from "node:fs";

/** The page as it ships, in Markdown, with a heading for each alert. */
export const readRunbookPage = (): string =>
  readFileSync(new URL("../../dashboards/runbook.md", import.meta.url), "utf8");
