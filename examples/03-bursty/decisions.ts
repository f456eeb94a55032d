/** Prints the pool's decisions as they happen. */
import type { PoolConfig } from "firelight";
import { duration, padEnd, print, type Style, styled } from "../shared/terminal.ts";
import type { Timeline } from "./timeline.ts";

const lineAt = (atMs: number, style: Style, what: string, why: string): void =>
  print(`${styled("dim", duration(atMs / 1000).padStart(7))}  ${padEnd(styled(style, what), 16)}  ${why}`);

/** A phase of the load begins: also marked in the chart. */
export const announcePhase = (timeline: Timeline, name: string, about: string): void => {
  timeline.mark("phase", name);
  lineAt(timeline.nowMs, "bold", name, about);
};

/** A runner was killed: also marked in the chart. */
export const announceKill = (timeline: Timeline, runnerId: string): void => {
  timeline.mark("killed", runnerId);
  lineAt(timeline.nowMs, "red", "loses a runner", `${runnerId} was killed at work`);
};

/** Hooks for a pool, and how often each was called. */
export class Decisions {
  grown = 0;
  shrunk = 0;
  saturated = 0;
  readonly hooks: Pick<PoolConfig, "onGrow" | "onShrink" | "onSaturated">;

  constructor(timeline: Timeline) {
    this.hooks = {
      onGrow: ({ from, to, reason }) => {
        this.grown++;
        lineAt(timeline.nowMs, "green", `grows ${from} → ${to}`, reason);
      },
      onShrink: ({ from, to, reason }) => {
        this.shrunk++;
        lineAt(timeline.nowMs, "blue", `shrinks ${from} → ${to}`, reason);
      },
      onSaturated: ({ waiting, limit }) => {
        this.saturated++;
        lineAt(
          timeline.nowMs,
          "yellow",
          "is saturated",
          `all ${limit} slots are in use and ${waiting} calls are waiting`,
        );
      },
    };
  }
}
