/** A request that no runner survives, again and again. */
import type { Drill } from "../drill.ts";
import { Shop } from "../program/services.ts";

export const crashLoop: Drill = {
  name: "crash-loop",
  title: "Runners that crash in a loop",
  fault: "Every 10 s a customer asks for a catalog so large that the runner is killed for its memory.",
  alert: "FlameRunnerCrashLoop",
  mayFire: ["FlameTelemetryLoss", "FlameErrorBudgetBurnTicket"],
  panels: [
    { dashboard: "runners", panel: "Crashes within ten minutes, by pool", pictured: true, reaches: 3 },
    { dashboard: "runners", panel: "Terminated runners by reason", where: { reason: "crash" }, reaches: 0.5 },
  ],
  clue: {
    look: ({ method, outcome }) => method === "shop/catalog" && outcome === "UNAVAILABLE",
    cause: ({ attempts, failure, lostRunners }) => {
      const lost = attempts.find(({ missing }) => missing === "lost");
      return lost !== undefined && failure?.executed === "unknown" && lostRunners.length > 0
        ? `the runner ${lost.runnerId} died with it: ${lostRunners[0]}`
        : undefined;
    },
  },
  stage: async ({ backend, configure, crowd, untilUp }) => {
    await configure({ backend, min: 3, max: 3, maxConcurrency: 8 });
    await untilUp(3);
    crowd.arrivals(5, () => Shop.price.with({ retry: { maxAttempts: 3, baseDelayMs: 50 } })("lamp"));
    let pages = 40;
    crowd.arrivals(0.1, () => Shop.catalog(pages));
    return {
      break: () => void (pages = 40_000),
      heal: () => void (pages = 40),
    };
  },
};
