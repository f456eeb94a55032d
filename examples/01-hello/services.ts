/** What this program can do: one service with one method. Parent and runner import the same file. */
import { defineMethod, flame } from "firelight";

export const Billing = flame.service("billing", {
  charge: defineMethod("charge", async (ctx, order: { customer: string; amount: number }) => {
    ctx.signal.throwIfAborted();
    return { charged: order.amount, customer: order.customer, pid: process.pid };
  }),
});
