/** What the runners do: wait, as a handler waits for a database. Two methods that differ in one promise. */
import { setTimeout as sleep } from "node:timers/promises";
import { defineMethod, flame } from "firelight";

export const Jobs = flame.service(
  "jobs",
  {
    /** May run twice: a call that loses its runner, or meets a full queue, is tried again. */
    render: defineMethod("render", (ctx, workMs: number) => sleep(workMs, undefined, { signal: ctx.signal }), {
      retry: { maxAttempts: 3, baseDelayMs: 100 },
    }),

    /** Must not run twice: whoever calls it is told what happened, and decides. */
    charge: defineMethod("charge", (ctx, workMs: number) => sleep(workMs, undefined, { signal: ctx.signal })),
  },
  { pool: "jobs", timeoutMs: 5_000 },
);
