/** Boots become slow, and every burst of calls needs them: calls wait for runners. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Drill } from "../drill.ts";
import { Shop } from "../program/services.ts";

const burst = 4;

export const coldStartStorm: Drill = {
  name: "cold-start-storm",
  title: "A storm of cold starts",
  fault: "To save money, idle runners now end after 0.5 s, and the model that each loads at boot takes 11 s to arrive.",
  alert: "FlameAcquireSlow",
  mayFire: ["FlameBootSlow", "FlamePoolSaturationHigh", "FlamePoolSaturationForecast"],
  panels: [
    { dashboard: "runners", panel: "Boot time, p95", reaches: 10 },
    { dashboard: "runners", panel: "Cold share", reaches: 0.5 },
    { dashboard: "pools", panel: "Time to get a slot", reaches: 7.5 },
  ],
  clue: {
    look: ({ outcome, durationMs }) => outcome === "OK" && durationMs > 5_000,
    cause: ({ coldStart, waits }) => {
      const boot = waits.flatMap(({ obstacles }) => obstacles).find(({ what }) => what === "boot");
      const readyMs = boot?.bootPhases["ready"];
      return coldStart !== undefined && coldStart.share > 0.9 && readyMs !== undefined
        ? `${Math.round(coldStart.share * 100)}% of it was a cold start: ${(readyMs / 1_000).toFixed(1)} s until ${boot?.name} had loaded`
        : undefined;
    },
  },
  stage: async ({ backend, configure, crowd, supplier, untilUp }) => {
    await configure({ backend, min: 0, max: burst, maxConcurrency: 1, spawnTimeoutMs: 60_000, idleShutdownMs: 60_000 });
    crowd.repeat(async () => {
      await Promise.allSettled(Array.from({ length: burst }, () => Shop.price.with({ timeoutMs: 60_000 })("lamp")));
      await sleep(3_000);
    });
    const pool = await untilUp(1);
    return {
      break: () => {
        supplier.modelMs = () => 11_000;
        pool.update({ idleShutdownMs: 500 });
      },
      heal: () => {
        supplier.modelMs = () => 0;
        pool.update({ idleShutdownMs: 60_000 });
      },
    };
  },
};
