/** The dashboards, with what a person opens each for. */

export const dashboardNames = {
  overview: { title: "Overview", tooltip: "Is it broken, for whom, since when?" },
  method: { title: "Method", tooltip: "Where the time of a method goes, and its traces and logs." },
  pools: { title: "Pools", tooltip: "Are there enough slots, and how long do calls wait for one?" },
  retries: { title: "Retries and time-outs", tooltip: "How much work is done again, and what ends at its deadline." },
  runners: { title: "Runners", tooltip: "Boots, ends, clocks and signatures of runners." },
  telemetry: { title: "Telemetry health", tooltip: "Whether the other dashboards can be believed." },
  runbook: { title: "Runbook", tooltip: "What to do about each alert." },
} as const;

export type DashboardName = keyof typeof dashboardNames;
