/**
 * Reads what `flame.metrics()` gives, as Prometheus would, and asks of it what a
 * dashboard asks: sums over labels, and quantiles of histograms.
 */

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

/** A histogram, or several added up. */
export interface Histogram {
  readonly count: number;
  readonly sum: number;
  /** Observations up to each bound, in the order of the bounds; the last bound is infinite. */
  readonly buckets: ReadonlyArray<readonly [bound: number, upTo: number]>;
}

/** An exemplar may follow the value; it is not read. */
const sampleLine = /^([a-z_:][\w:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})? (\S+)/i;
const labelPair = /(\w+)="((?:[^"\\]|\\.)*)"/g;

const readNumber = (text: string): number => (text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text));

/** One scrape. */
export class Scrape {
  readonly #samples: ReadonlyArray<Sample>;

  constructor(text: string) {
    this.#samples = text.split("\n").flatMap((line) => {
      const [, name, labels = "", value] = sampleLine.exec(line) ?? [];
      if (name === undefined || value === undefined) return [];
      const pairs = [...labels.matchAll(labelPair)].map(([, key, text]) => [key, text]);
      return [{ name, labels: Object.fromEntries(pairs) as Labels, value: readNumber(value) }];
    });
  }

  /** The series of a name, by default of every name, with these labels; an empty label matches series without it. */
  samples(name?: string, where: Labels = {}): ReadonlyArray<Sample> {
    const wanted = Object.entries(where);
    return this.#samples.filter(
      (sample) =>
        (name === undefined || sample.name === name) &&
        wanted.every(([key, value]) => (sample.labels[key] ?? "") === value),
    );
  }

  /** The sum of all series with these labels. */
  sum(name: string, where: Labels = {}): number {
    return this.samples(name, where).reduce((total, { value }) => total + value, 0);
  }

  /** The values of a label, sorted. */
  values(name: string, label: string): ReadonlyArray<string> {
    return [...new Set(this.samples(name).map(({ labels }) => labels[label] ?? ""))].toSorted();
  }

  histogram(name: string, where: Labels = {}): Histogram {
    const upTo = new Map<number, number>();
    for (const { labels, value } of this.samples(`${name}_bucket`, where)) {
      const bound = readNumber(labels["le"]!);
      upTo.set(bound, (upTo.get(bound) ?? 0) + value);
    }
    return {
      count: this.sum(`${name}_count`, where),
      sum: this.sum(`${name}_sum`, where),
      buckets: [...upTo].toSorted(([left], [right]) => left - right),
    };
  }
}

/** PromQL's `histogram_quantile`: linear within the bucket that holds the rank. `undefined` without observations. */
export const quantile = (q: number, { buckets, count }: Histogram): number | undefined => {
  if (count === 0) return undefined;
  const rank = q * count;
  const index = buckets.findIndex(([, upTo]) => upTo >= rank);
  const [bound, upTo] = buckets[index]!;
  const [lower, below] = buckets[index - 1] ?? [0, 0];
  if (bound === Infinity) return lower;
  return lower + (bound - lower) * ((rank - below) / (upTo - below));
};

/** The upper bound of the highest bucket that is not empty: all that a histogram knows of its maximum. */
export const upperBound = ({ buckets, count }: Histogram): number | undefined =>
  count === 0 ? undefined : buckets.find(([, upTo]) => upTo === count)?.[0];
