/** The dashboards, with the question that each answers. */

export const dashboardNames = {
  overview: { title: "Overview", tooltip: "Is it broken, for whom, since when?" },
  method: { title: "Method", tooltip: "Where does a method spend its time? With its traces and logs." },
  pools: { title: "Pools", tooltip: "Are there enough slots, and how long do calls wait for one?" },
  retries: { title: "Retries and timeouts", tooltip: "How many calls are retried, and which exceed their deadline?" },
  runners: {
    title: "Runners",
    tooltip: "Are runners booting, exiting, and passing signature and clock checks as expected?",
  },
  telemetry: { title: "Telemetry health", tooltip: "Are the other dashboards complete?" },
  runbook: { title: "Runbook", tooltip: "What to do about each alert." },
} as const;

export type DashboardName = keyof typeof dashboardNames;
