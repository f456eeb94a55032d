/** More callers than the pool has slots: calls wait in line, and none fails. */
import type { Drill } from "../drill.ts";
import { Shop } from "../program/services.ts";

const slots = 4;
const callers = 60;

export const poolSaturation: Drill = {
  name: "pool-saturation",
  title: "A saturated pool",
  fault: `A campaign sends ${callers} callers at a time to a pool of ${slots} slots, where 1 was usual.`,
  alert: "FlamePoolSaturated",
  mayFire: ["FlamePoolSaturationHigh", "FlamePoolSaturationForecast", "FlameAcquireSlow"],
  panels: [
    { dashboard: "pools", panel: "Saturation", pictured: true, reaches: 0.95 },
    { dashboard: "pools", panel: "Calls waiting by pool", reaches: 4 },
    { dashboard: "pools", panel: "Time to get a slot", pictured: true, reaches: 0.25 },
  ],
  clue: {
    look: ({ outcome }) => outcome === "OK",
    cause: ({ acquireSource, phases, waits }) => {
      const wait = phases.find(({ phase }) => phase === "acquire");
      const holders = waits.flatMap(({ obstacles }) => obstacles).filter(({ what }) => what === "call");
      return acquireSource === "queued" && wait !== undefined && wait.share > 0.3 && holders.length > 0
        ? `${Math.round(wait.share * 100)}% of it was spent in the queue, behind ${holders.length} calls that held the slots`
        : undefined;
    },
  },
  stage: async ({ backend, configure, crowd, supplier, untilUp }) => {
    await configure({ backend, min: 2, max: 2, maxConcurrency: slots / 2 });
    await untilUp(2);
    supplier.priceMs = () => 300;
    const crowded = crowd.callers(1, () => Shop.price("lamp"));
    return { break: () => void (crowded.level = callers), heal: () => void (crowded.level = 1) };
  },
};
