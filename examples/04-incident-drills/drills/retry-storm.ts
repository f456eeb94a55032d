/** Retries that hide a failing dependency, and add to its load. */
import type { Drill } from "../drill.ts";
import { Shop } from "../program/services.ts";

export const retryStorm: Drill = {
  name: "retry-storm",
  title: "A retry storm",
  fault: "The supplier rejects 70% of requests; the pool has no retry budget, and calls go on for up to 20 attempts.",
  alert: "FlameRetryStorm",
  mayFire: ["FlameErrorBudgetBurnTicket"],
  panels: [
    { dashboard: "retries", panel: "Amplification", pictured: true, reaches: 2 },
    { dashboard: "retries", panel: "Attempts by kind and outcome", where: { attempt_kind: "retry" }, reaches: 2 },
  ],
  clue: {
    look: ({ attempts }) => attempts === 3 || attempts === 4,
    cause: ({ attempts, failure }) => {
      const reasons = attempts.flatMap(({ reason }) => reason ?? []);
      return failure === undefined &&
        reasons.length >= 2 &&
        reasons.every((reason) => reason.startsWith("remote_error"))
        ? `it succeeded at attempt ${attempts.length}; each one before failed in the handler (${reasons[0]})`
        : undefined;
    },
  },
  stage: async ({ backend, configure, crowd, supplier, untilUp }) => {
    await configure({ backend, min: 2, max: 2, maxConcurrency: 8, retryBudget: false });
    await untilUp(2);
    const retry = { maxAttempts: 20, baseDelayMs: 20, maxDelayMs: 200 };
    crowd.arrivals(4, () => Shop.price.with({ retry })("lamp"));
    return {
      break: () => void (supplier.refuses = () => Math.random() < 0.7),
      heal: () => void (supplier.refuses = () => false),
    };
  },
};
