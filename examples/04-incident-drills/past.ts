/**
 * A healthy past. Alerts compare with the last hour and the last days, and a program
 * that has just been started has none. So its first healthy seconds, as Prometheus
 * scraped and evaluated them, are repeated back over three days, and what is written
 * is made into blocks of a database by promtool.
 */
import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { finished } from "node:stream/promises";
import type { PrometheusApi, Series } from "../../test/stack/harness/prometheus-api.ts";

/** A stretch of the past: which series it has, and how often. */
interface Stretch {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly everyMs: number;
  readonly keeps: (name: string) => boolean;
}

const minute = 60_000;
const hour = 60 * minute;

/** Windows of alerts that reach far back look at what rules recorded. */
const isRecorded = (name: string): boolean => name.includes(":");

const recentMs = 65 * minute;

/** Counters of programs, and sums of counters that rules recorded; everything else is repeated as it was. */
const isCounter = (name: string): boolean => /(_total|_count|_sum|_bucket|:sum)$/.test(name);

const stretches = (nowMs: number): ReadonlyArray<Stretch> => [
  { fromMs: nowMs - 72 * hour, untilMs: nowMs - recentMs, everyMs: 4 * minute, keeps: isRecorded },
  { fromMs: nowMs - recentMs, untilMs: nowMs, everyMs: 15_000, keeps: () => true },
];

/** What Prometheus has of these jobs within the last milliseconds, but for the alerts. */
export const recordHealth = (
  api: PrometheusApi,
  jobs: ReadonlyArray<string>,
  ms: number,
): Promise<ReadonlyArray<Series>> => api.query(`{job=~"${jobs.join("|")}", __name__!~"ALERTS.*"}[${ms}ms]`);

/** The value at a moment of the past, with the recording played again and again. */
const replay = ({ labels, samples }: Series, periodMs: number): ((sinceMs: number) => number) => {
  const first = samples[0]!;
  const counts = isCounter(labels["__name__"]!);
  const growth = counts ? samples.at(-1)!.value - first.value : 0;
  return (sinceMs) => {
    const into = sinceMs % periodMs;
    const at = samples.findLast(({ atMs }) => atMs - first.atMs <= into) ?? first;
    return counts ? Math.floor(sinceMs / periodMs) * growth + at.value - first.value : at.value;
  };
};

const labelText = (labels: Series["labels"]): string =>
  Object.entries(labels)
    .filter(([name]) => name !== "__name__")
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(",");

/**
 * Writes the past in the format of OpenMetrics, one file for each stretch. All of it ends at `nowMs`; counters begin at
 * zero, so the end of the past looks like a restart of the program, which it was.
 */
export const writePast = async (
  health: ReadonlyArray<Series>,
  nowMs: number,
  fileOf: (index: number) => string,
): Promise<ReadonlyArray<string>> => {
  const periodMs = Math.max(...health.map(({ samples }) => samples.at(-1)!.atMs - samples[0]!.atMs));
  const [{ fromMs: beginMs }] = stretches(nowMs) as [Stretch, ...Array<Stretch>];
  const files: Array<string> = [];
  for (const { fromMs, untilMs, everyMs, keeps } of stretches(nowMs)) {
    const kept = health
      .filter(({ labels }) => keeps(labels["__name__"]!))
      .map((series) => ({
        head: `${series.labels["__name__"]}{${labelText(series.labels)}}`,
        valueAt: replay(series, periodMs),
      }));
    const file = fileOf(files.length);
    const out = createWriteStream(file);
    for (let atMs = fromMs; atMs < untilMs; atMs += everyMs) {
      const lines = kept.map(({ head, valueAt }) => `${head} ${valueAt(atMs - beginMs)} ${atMs / 1_000}\n`).join("");
      if (!out.write(lines)) await once(out, "drain");
    }
    out.end("# EOF\n");
    await finished(out);
    files.push(file);
  }
  return files;
};
