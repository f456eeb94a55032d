/** Writes the dashboards as files for Grafana's provisioning, in its classic schema. */
import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import type { BundleSettings } from "../settings.ts";
import { dashboardUid } from "./dashboard.ts";
import { method } from "./method.ts";
import type { DashboardName } from "./names.ts";
import { overview } from "./overview.ts";
import { pools } from "./pools.ts";
import { retries } from "./retries.ts";
import { runbook } from "./runbook.ts";
import { runners } from "./runners.ts";
import { telemetry } from "./telemetry.ts";

/**
 * Returns every dashboard by its path, such as `dashboards/firelight-pools.json`. The same settings produce the same
 * text.
 *
 * @param runbookPage the runbook in Markdown, with a heading `## FlameXyz` for each alert
 */
export const dashboardFiles = (settings: BundleSettings, runbookPage: string): ReadonlyMap<string, string> => {
  const dashboards: Readonly<Record<DashboardName, Dashboard>> = {
    overview: overview(settings),
    method: method(settings),
    pools: pools(settings),
    retries: retries(settings),
    runners: runners(settings),
    telemetry: telemetry(settings),
    runbook: runbook(settings, runbookPage),
  };
  return new Map(
    (Object.keys(dashboards) as ReadonlyArray<DashboardName>).map((name) => [
      `dashboards/${dashboardUid(settings, name)}.json`,
      `${JSON.stringify(dashboards[name], undefined, 2)}\n`,
    ]),
  );
};
