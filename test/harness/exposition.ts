/** Reads what a scrape would read. */

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

/** The samples of an exposition in either text format, without exemplars. */
export const readSamples = (exposition: string): ReadonlyArray<Sample> =>
  exposition
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [, name, labels, value] = /^(\w+)(?:\{(.*?)\})? (\S+)/.exec(line)!;
      const pairs = [...(labels ?? "").matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => [key, text]);
      return { name: name!, labels: Object.fromEntries(pairs) as Labels, value: Number(value) };
    });

/** The sum of all samples of a name that carry these labels; an empty one is as good as none. */
export const total = (samples: ReadonlyArray<Sample>, name: string, labels: Labels = {}): number =>
  samples
    .filter(
      (sample) =>
        sample.name === name && Object.entries(labels).every(([key, value]) => (sample.labels[key] ?? "") === value),
    )
    .reduce((sum, sample) => sum + sample.value, 0);
