/**
 * Panels that stay empty though everything works and calls are made, each with its reason. Panels that read only what
 * others make (`src/bundle/foreign-series.ts`) are not here: they are empty when their maker is absent.
 */

export interface RightlyEmpty {
  readonly dashboardUid: string;
  readonly panelTitle: string;
  /** One query of the panel; without it, all of them. */
  readonly refId?: string;
  readonly reason: string;
}

export const expectedEmpty: ReadonlyArray<RightlyEmpty> = [
  {
    dashboardUid: "firelight-overview",
    panelTitle: "Failures by status",
    reason: "No call failed: a status has no series before the first call that ends with it.",
  },
  {
    dashboardUid: "firelight-retries",
    panelTitle: "Retries of retried calls",
    reason: "No call was tried again: a call of one attempt is not observed.",
  },
];
