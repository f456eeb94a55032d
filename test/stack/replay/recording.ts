/** What a process would have exposed over its life: increments of series, and their values at any moment. */

/** Labels of a series, in the order in which they are written. */
export type SeriesLabels = Readonly<Record<string, string>>;

/** Seconds since the start of the history. */
export type Seconds = number;

interface Observations {
  readonly name: string;
  readonly labels: SeriesLabels;
  readonly bounds: ReadonlyArray<number>;
  readonly at: Array<Seconds>;
  /** The index of the first bucket that has each observation. */
  readonly bucket: Array<number>;
}

interface Changes {
  readonly name: string;
  readonly labels: SeriesLabels;
  /** Whether the value is the integral of the changes over time: slot-seconds are that of used slots. */
  readonly integral: boolean;
  readonly at: Array<Seconds>;
  readonly by: Array<number>;
  /** Whether the series exists before its first change. */
  known: boolean;
}

/** A series with its value at each scrape; `undefined` where it does not exist. */
export interface ScrapedSeries {
  readonly name: string;
  readonly labels: SeriesLabels;
  readonly values: ReadonlyArray<number | undefined>;
}

const keyOf = (name: string, labels: SeriesLabels): string => {
  let key = name;
  for (const label in labels) key += `;${labels[label]!}`;
  return key;
};

const inOrder = (at: ReadonlyArray<Seconds>): ReadonlyArray<number> =>
  at.map((_, index) => index).toSorted((left, right) => at[left]! - at[right]!);

/** A process that is scraped, from its start until its end. */
export class RecordedProcess {
  readonly job: string;
  readonly instance: string;
  readonly from: Seconds;
  readonly until: Seconds;
  /** Whether Prometheus stops scraping the target when the process ends, as with service discovery. */
  readonly removed: boolean;
  readonly #series = new Map<string, Changes>();
  readonly #histograms = new Map<string, Observations>();

  constructor(job: string, instance: string, from: Seconds, until: Seconds, removed = false) {
    this.job = job;
    this.instance = instance;
    this.from = from;
    this.until = until;
    this.removed = removed;
  }

  /** Makes a series exist from the start of the process, with the value zero. */
  declare(name: string, labels: SeriesLabels): void {
    this.#changes(name, labels).known = true;
  }

  /** Observes a value. The histogram's series exist from the start of the process. */
  observe(at: Seconds, name: string, labels: SeriesLabels, bounds: ReadonlyArray<number>, value: number): void {
    const key = keyOf(name, labels);
    let histogram = this.#histograms.get(key);
    if (histogram === undefined) {
      histogram = { name, labels, bounds, at: [], bucket: [] };
      this.#histograms.set(key, histogram);
    }
    const bucket = bounds.findIndex((bound) => value <= bound);
    histogram.at.push(at);
    histogram.bucket.push(bucket === -1 ? bounds.length : bucket);
  }

  /** Adds to a counter or a gauge. Calls need not be in the order of time. */
  add(at: Seconds, name: string, labels: SeriesLabels, by = 1): void {
    const { at: times, by: amounts } = this.#changes(name, labels);
    times.push(at);
    amounts.push(by);
  }

  /** Adds to what a counter of seconds gains per second, from a moment on. */
  addRate(at: Seconds, name: string, labels: SeriesLabels, by: number): void {
    const changes = this.#changes(name, labels, true);
    changes.known = true;
    changes.at.push(at);
    changes.by.push(by);
  }

  /** The series at the given moments, in ascending order. */
  scrape(moments: ReadonlyArray<Seconds>): ReadonlyArray<ScrapedSeries> {
    const target = { job: this.job, instance: this.instance };
    return [
      ...[...this.#series.values()].map((changes) => ({
        name: changes.name,
        labels: { ...changes.labels, ...target },
        values: this.#values(changes, moments),
      })),
      ...[...this.#histograms.values()].flatMap(({ name, labels, bounds, at, bucket }) => {
        const order = inOrder(at);
        const counted = bounds.map(() => 0);
        let next = 0;
        const rows = moments.map((moment) => {
          for (; next < order.length && at[order[next]!]! <= moment; next++) {
            const first = bucket[order[next]!]!;
            for (let index = first; index < bounds.length; index++) counted[index]!++;
          }
          return moment < this.from || moment >= this.until ? undefined : [...counted, next];
        });
        const series = (part: string, index: number, more: SeriesLabels): ScrapedSeries => ({
          name: `${name}_${part}`,
          labels: { ...labels, ...more, ...target },
          values: rows.map((row) => row?.[index]),
        });
        return [
          ...bounds.map((bound, index) => series("bucket", index, { le: `${bound}` })),
          series("bucket", bounds.length, { le: "+Inf" }),
          series("count", bounds.length, {}),
        ];
      }),
    ];
  }

  #changes(name: string, labels: SeriesLabels, integral = false): Changes {
    const key = keyOf(name, labels);
    let changes = this.#series.get(key);
    if (changes === undefined) {
      changes = { name, labels, integral, at: [], by: [], known: false };
      this.#series.set(key, changes);
    }
    return changes;
  }

  #values({ integral, known, at, by }: Changes, moments: ReadonlyArray<Seconds>): ReadonlyArray<number | undefined> {
    const order = inOrder(at);
    let next = 0;
    let value = 0;
    let gained = 0;
    let previous = this.from;
    return moments.map((moment) => {
      for (; next < order.length && at[order[next]!]! <= moment; next++) {
        const index = order[next]!;
        gained += value * Math.max(0, at[index]! - previous);
        previous = Math.max(previous, at[index]!);
        value += by[index]!;
      }
      gained += value * Math.max(0, moment - previous);
      previous = Math.max(previous, moment);
      if (moment < this.from || moment >= this.until || (!known && next === 0)) return undefined;
      return Math.round((integral ? gained : value) * 1e6) / 1e6;
    });
  }
}
