/** A deadline below the time that the work takes. */
import type { Drill } from "../drill.ts";
import { Shop } from "../program/services.ts";

const workMs = 200;
const shortMs = 100;

export const shortDeadline: Drill = {
  name: "short-deadline",
  title: "A deadline that is too short",
  fault: `A release gives shop/catalog ${shortMs} ms; it takes ${workMs} ms. One call in twenty is to it.`,
  alert: "FlameDeadlineExceeded",
  mayFire: ["FlameErrorBudgetBurnTicket"],
  panels: [
    { dashboard: "retries", panel: "Timed out by method", reaches: 0.5 },
    {
      dashboard: "overview",
      panel: "Failures by status",
      where: { rpc_status_code: "DEADLINE_EXCEEDED" },
      reaches: 0.1,
    },
  ],
  clue: {
    look: ({ outcome }) => outcome === "DEADLINE_EXCEEDED",
    cause: ({ deadlineMs, failure, attempts, method }) =>
      deadlineMs === shortMs && failure?.phase === "handler" && attempts.length === 1
        ? `${method} had ${deadlineMs} ms from the start, and its handler was at work when they were over`
        : undefined,
  },
  stage: async ({ backend, configure, crowd, supplier, untilUp }) => {
    await configure({ backend, min: 1, max: 1, maxConcurrency: 16 });
    await untilUp(1);
    supplier.priceMs = () => workMs;
    let timeoutMs = 2_000;
    crowd.arrivals(5.8, () => Shop.price("lamp"));
    crowd.arrivals(0.2, () => Shop.catalog.with({ timeoutMs })(3));
    return { break: () => void (timeoutMs = shortMs), heal: () => void (timeoutMs = 2_000) };
  },
};
