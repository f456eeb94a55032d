/** What runners do for the shop, well or, when asked to, badly. */
import { setTimeout as sleep } from "node:timers/promises";
import { defineMethod, flame, FlameMethodError, type InvocationContext } from "firelight";
import type { Fault } from "./faults.ts";

const misbehave = async (ctx: InvocationContext, fault: Fault | undefined): Promise<void> => {
  switch (fault) {
    case "fails":
      throw new FlameMethodError("out_of_stock", "There is none left.");
    case "flaky":
      if (ctx.attempt === 1) throw new FlameMethodError("try_again", "It works the second time.", { retryable: true });
      return;
    case "slow":
      await sleep(2_000, undefined, { signal: ctx.signal });
      return;
    case "hangs":
      await sleep(600_000, undefined, { signal: ctx.signal });
      return;
    case "crashes":
      if (ctx.attempt === 1) process.kill(process.pid, "SIGKILL");
      return;
    case undefined:
  }
};

/** A call is retried when its runner crashed or said so. */
const options = { timeoutMs: 5_000, idempotent: true, retry: { maxAttempts: 3, baseDelayMs: 50 } } as const;

export const Stock = flame.service(
  "stock",
  {
    price: defineMethod("price", async (ctx, item: string, fault?: Fault) => {
      await misbehave(ctx, fault);
      return { item, cents: 100 + item.length * 25 };
    }),
    reserve: defineMethod("reserve", async (ctx, item: string, fault?: Fault) => {
      await sleep(20, undefined, { signal: ctx.signal });
      await misbehave(ctx, fault);
      return { item, reserved: true };
    }),
  },
  { ...options, pool: "stock" },
);

/** Rare and heavy: its pool has no runner until somebody asks. */
export const Reports = flame.service(
  "reports",
  {
    build: defineMethod("build", async (ctx, month: string) => {
      await sleep(400, undefined, { signal: ctx.signal });
      ctx.logger.info("A report was built.", { month });
      return { month, pages: 12 };
    }),
  },
  { ...options, pool: "reports" },
);
