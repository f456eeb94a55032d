/** The collector dies: calls go on, and nobody can see their traces. */
import type { Drill } from "../drill.ts";
import { Shop } from "../program/services.ts";

export const collectorDown: Drill = {
  name: "collector-down",
  title: "A collector that is down",
  fault: "The OpenTelemetry Collector is killed. Calls do not depend on it.",
  alert: "FlameTelemetryLoss",
  mayFire: [],
  panels: [{ dashboard: "telemetry", panel: "Through the collectors", fallsTo: 0 }],
  clue: { seen: /nothing listens on/ },
  killsCollector: true,
  stage: async ({ backend, configure, crowd, untilUp }) => {
    await configure({ backend, min: 1, max: 1, maxConcurrency: 8 });
    await untilUp(1);
    crowd.arrivals(3, () => Shop.price("lamp"));
    return { break: () => undefined, heal: () => undefined };
  },
};
