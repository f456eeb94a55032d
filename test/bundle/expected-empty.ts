/**
 * Panels that are empty while everything works and calls are made, each with the reason. Panels that read only
 * external series (`src/bundle/external-series.ts`) are not listed: they are empty if the producer is absent.
 */

export interface ExpectedEmpty {
  readonly dashboardUid: string;
  readonly panelTitle: string;
  /** One query of the panel. Default: all of them. */
  readonly refId?: string;
  readonly reason: string;
}

export const expectedEmpty: ReadonlyArray<ExpectedEmpty> = [
  {
    dashboardUid: "firelight-overview",
    panelTitle: "Failures by status",
    reason: "No call failed: a status has no series before the first call that ends with it.",
  },
  {
    dashboardUid: "firelight-retries",
    panelTitle: "Retries of retried calls",
    reason: "No call was retried: calls with a single attempt are not observed.",
  },
];
