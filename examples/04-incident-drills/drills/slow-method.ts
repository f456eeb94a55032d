/** What a method depends on becomes slow: calls die at their deadline, in the handler. */
import type { Drill } from "../drill.ts";
import { Shop } from "../program/services.ts";

const timeoutMs = 1_000;

export const slowMethod: Drill = {
  name: "slow-method",
  title: "A slow method",
  fault: "The supplier that shop/price asks takes 0.7 to 4 s in place of 20 ms; its callers wait for 1 s.",
  alert: "FlameErrorBudgetBurnFast",
  mayFire: ["FlameDeadlineExceeded", "FlamePoolSaturationHigh", "FlameErrorBudgetBurnTicket"],
  panels: [
    { dashboard: "overview", panel: "Failed calls by method", pictured: true, reaches: 0.1 },
    { dashboard: "overview", panel: "Duration", reaches: 0.9 },
    { dashboard: "method", panel: "Mean call by phase", pictured: true, where: { phase: "handler" }, reaches: 0.5 },
  ],
  clue: {
    look: ({ outcome }) => outcome === "DEADLINE_EXCEEDED",
    cause: ({ failure, phases }) => {
      const handler = phases.find(({ phase }) => phase === "handler");
      return failure?.phase === "handler" && handler !== undefined && handler.share > 0.9
        ? `${Math.round(handler.share * 100)}% of its ${timeoutMs} ms deadline was spent in the handler`
        : undefined;
    },
  },
  stage: async ({ backend, configure, crowd, supplier, untilUp }) => {
    await configure({ backend, min: 2, max: 2, maxConcurrency: 16 });
    await untilUp(2);
    crowd.arrivals(5, () => Shop.price.with({ timeoutMs })("lamp"));
    const { priceMs } = supplier;
    return {
      break: () => void (supplier.priceMs = () => 700 + 3_300 * Math.random()),
      heal: () => void (supplier.priceMs = priceMs),
    };
  },
};
