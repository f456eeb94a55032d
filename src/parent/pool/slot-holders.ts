/** The spans of the calls that hold leases, for links from those that wait. */
import type { SpanIds } from "../../telemetry/telemetry.ts";
import type { LeaseKey } from "./core/events.ts";

export class SlotHolders {
  readonly #spans: Map<number, SpanIds> = new Map();

  add({ lease }: LeaseKey, span: SpanIds | undefined): void {
    if (span !== undefined) this.#spans.set(lease, span);
  }

  delete({ lease }: LeaseKey): void {
    this.#spans.delete(lease);
  }

  /** The spans that have held leases longest, `most` of them. */
  first(most: number): ReadonlyArray<SpanIds> {
    return [...this.#spans.values()].slice(0, most);
  }
}
