/**
 * The work of the runners: waiting, like a handler that waits for a database. The two methods differ in whether they
 * may be retried.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { defineMethod, flame } from "firelight";

export const Jobs = flame.service(
  "jobs",
  {
    /** May run twice: a call that loses its runner, or meets a full queue, is retried. */
    render: defineMethod("render", (ctx, workMs: number) => sleep(workMs, undefined, { signal: ctx.signal }), {
      retry: { maxAttempts: 3, baseDelayMs: 100 },
    }),

    /** Must not run twice: the caller gets the error and decides. */
    charge: defineMethod("charge", (ctx, workMs: number) => sleep(workMs, undefined, { signal: ctx.signal })),
  },
  { pool: "jobs", timeoutMs: 5_000 },
);
