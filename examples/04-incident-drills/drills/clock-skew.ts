/** A machine whose clock is wrong. */
import type { Drill } from "../drill.ts";
import { clockJumpMs } from "../program/clock-jump.ts";
import { Shop } from "../program/services.ts";

export const clockSkew: Drill = {
  name: "clock-skew",
  title: "A clock that is wrong",
  fault: `The clock of the runners' machine is put ahead by ${clockJumpMs / 1_000} s.`,
  alert: "FlameClockSkew",
  mayFire: [],
  panels: [{ dashboard: "runners", panel: "Clock difference by pool, p95", reaches: 1 }],
  clue: {
    look: ({ outcome }) => outcome === "OK",
    cause: ({ attempts: [attempt] }) => {
      const offsetMs = attempt?.clockOffsetMs ?? 0;
      return Math.abs(offsetMs - clockJumpMs) < 500
        ? `the clock of ${attempt!.runnerId} is ${(offsetMs / 1_000).toFixed(2)} s ahead`
        : undefined;
    },
  },
  stage: async ({ backend, configure, crowd, untilUp }) => {
    await configure({ backend, min: 2, max: 2, maxConcurrency: 8 });
    await untilUp(2);
    crowd.arrivals(3, () => Shop.price("lamp"));
    return {
      break: () => {
        for (const { pid } of backend.running()) process.kill(pid, "SIGUSR2");
      },
      heal: () => {
        for (const { pid } of backend.running()) process.kill(pid, "SIGTERM");
      },
    };
  },
};
