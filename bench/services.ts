/** The measured method. It does almost nothing, so the call dominates. */
import { flame } from "firelight";

/** A small order. */
export interface Order {
  readonly id: number;
  readonly customer: string;
  readonly items: ReadonlyArray<{ readonly sku: string; readonly quantity: number }>;
}

export const Bench = flame.service("bench", {
  accept: async (order: Order) => ({ accepted: order.id, lines: order.items.length }),
});

export const order: Order = {
  id: 4711,
  customer: "c-0815",
  items: [
    { sku: "a-1", quantity: 2 },
    { sku: "b-7", quantity: 1 },
  ],
};
