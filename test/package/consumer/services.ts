import { defineMethod, flame } from "firelight";

export const Billing = flame.service("billing", {
  charge: defineMethod("charge", async (ctx, order: { amount: number }) => {
    ctx.signal.throwIfAborted();
    return { charged: order.amount, by: process.pid };
  }),
  add: (a: number, b: number) => a + b,
});
