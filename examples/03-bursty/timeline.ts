/** What the pool looked like at each moment: its `stats()`, taken again and again, and what happened in between. */
import type { PoolHandle, PoolStats } from "firelight";
import type { Ledger } from "./ledger.ts";

/** One look at the pool. */
export interface Sample {
  readonly atMs: number;
  readonly stats: PoolStats;
  /** Calls made so far, and calls refused so far. */
  readonly made: number;
  readonly refused: number;
}

/** Something that happened at one moment. */
export interface Mark {
  readonly atMs: number;
  readonly kind: "phase" | "killed";
  readonly text: string;
}

const sampleEveryMs = 50;

export class Timeline {
  readonly samples: Array<Sample> = [];
  readonly marks: Array<Mark> = [];
  readonly #startedAt = performance.now();

  /** Milliseconds since it began. */
  get nowMs(): number {
    return performance.now() - this.#startedAt;
  }

  mark(kind: Mark["kind"], text: string): void {
    this.marks.push({ atMs: this.nowMs, kind, text });
  }

  /** Samples the pool until the returned function is called; `onSample` is called each time. */
  watch(pool: PoolHandle, ledger: Ledger, onSample: (sample: Sample) => void): () => void {
    const look = (): void => {
      const { made } = ledger;
      const sample = { atMs: this.nowMs, stats: pool.stats(), made, refused: ledger.count("overloaded") };
      this.samples.push(sample);
      onSample(sample);
    };
    look();
    const timer = setInterval(look, sampleEveryMs);
    return () => {
      clearInterval(timer);
      look();
    };
  }
}
