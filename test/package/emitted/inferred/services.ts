/** The exports of a user's library, with inferred types. */
import { createFlame, currentInvocation, defineMethod, flame, flameService } from "firelight";
import { processBackend } from "firelight/backends/process";

export interface Order {
  readonly amount: number;
}

export const square = flame.fn("square", async (given: number) => given * given);
export const text = flame.fn("text", (given: number) => String(given));
export const echo = flame.fn("echo", async <T>(given: T): Promise<T> => given);
export const paid = flame.fn(
  "paid",
  defineMethod("default", async (_ctx, order: Order) => ({ ok: true, charged: order.amount })),
);
export const Billing = flame.service("billing", {
  charge: defineMethod("charge", async (_ctx, order: Order) => ({ ok: true, charged: order.amount })),
  add: async (a: number, b: number) => a + b,
  find: async (id: string, limit?: number) => [id, limit] as const,
});
export const Effects = flame.serviceEffect("math", { add: async (a: number, b: number) => a + b });
export const squareEffect = flame.fnEffect("squareEffect", async (given: number) => given * given);
export const BillingEffects = flame.toEffect(Billing);
export const method = defineMethod("method", async (ctx, given: number) => (ctx.attempt > 1 ? given : undefined));
export const quick = square.with({ timeoutMs: 50 });
export const quickCharge = Billing.charge.with({ timeoutMs: 50 });
export const squares = square.map([1, 2]);
export const outcomes = square.map([1, 2], { onError: "collect" });
export const job = square.spawn(3);
export const mine = createFlame({ mode: "local" });
export const pools = mine.pools;
export const invocation = currentInvocation;
export const backend = processBackend({ entry: "runner.js" });

@flameService("shop")
export class Shop {
  async price(id: string): Promise<number> {
    return id.length;
  }
}
