/** What the calls carry: a small order, and an order of 10 KB with dates. */

export interface Order {
  readonly id: number;
  readonly customer: string;
  readonly items: ReadonlyArray<{ readonly sku: string; readonly quantity: number }>;
}

export interface Receipt {
  readonly accepted: number;
  readonly lines: number;
}

export const order: Order = {
  id: 4711,
  customer: "c-0815",
  items: [
    { sku: "a-1", quantity: 2 },
    { sku: "b-7", quantity: 1 },
  ],
};

/** The handler does almost nothing, so the call dominates. */
export const accept = ({ id, items }: Order): Receipt => ({ accepted: id, lines: items.length });

interface Row {
  readonly id: number;
  readonly sku: string;
  readonly quantity: number;
  readonly gift: boolean;
  readonly at: Date;
}

export type Rich = ReadonlyArray<Row>;

/** About 10 KB of JSON with 120 dates. JSON alone sends the dates as strings and leaves them so. */
export const rich: Rich = Array.from({ length: 120 }, (_, id) => ({
  id,
  sku: `sku-${id % 97}`,
  quantity: id % 7,
  gift: id % 3 === 0,
  at: new Date(1_763_820_000_000 + id),
}));
