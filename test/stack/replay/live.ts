/**
 * A history as targets of a real Prometheus, faster than it was: everything that has a length in the rules is divided by
 * the same factor, so a rate of events per window is what it was.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { metrics } from "../../../src/telemetry/catalog.ts";
import type { Labels } from "../harness/prometheus-api.ts";
import type { ScrapeJob } from "../harness/prometheus.ts";
import type { History } from "./histories.ts";
import type { ScrapedSeries, Seconds } from "./recording.ts";

const secondsOf = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

/** Divides every duration of a rule file: ranges, offsets, `for`, `keep_firing_for`, and how far a forecast looks. */
export const speedUpRules = (text: string, factor: number): string => {
  const shorter = (count: string, unit: string): string =>
    `${Math.round((Number(count) * secondsOf[unit as keyof typeof secondsOf] * 1_000) / factor)}ms`;
  return text
    .replaceAll(/(?<=\[|offset |\d(?:s|m|h|d):)(\d+)(s|m|h|d)(?=[\]:)\s]|$)/gm, (_, count: string, unit: string) =>
      shorter(count, unit),
    )
    .replaceAll(/(?<=for: )(\d+)(s|m|h|d)$/gm, (_, count: string, unit: string) => shorter(count, unit))
    .replaceAll(/^ {4}interval: .*\n/gm, "")
    .replaceAll(/(?<=predict_linear\([^)]*, )(\d+)/g, (_, seconds: string) => `${Number(seconds) / factor}`);
};

/** Targets that replay histories. `await using` ends it. */
export interface LiveHistories extends AsyncDisposable {
  readonly jobs: ReadonlyArray<ScrapeJob>;
  /** Starts the clock. Until then, all targets show the first moment. */
  start(): void;
  /** Seconds of the histories since the start. */
  elapsed(): Seconds;
}

export interface LiveOptions {
  readonly histories: ReadonlyArray<History>;
  readonly factor: number;
  /** Seconds before the fault at which a history starts. */
  readonly before: Seconds;
  /** How much of it is replayed. */
  readonly length: Seconds;
}

/** The job of a history. */
export const jobOf = ({ name }: History): string => name.replaceAll(/\W+/g, "-");

const textOf = (series: ReadonlyArray<ScrapedSeries>, index: number, factor: number): string | undefined => {
  const lines = series.flatMap(({ name, labels, values }) => {
    const value = values[index];
    if (value === undefined) return [];
    const { job: _job, instance: _instance, ...own } = labels;
    const text = Object.entries(own).map(([label, of]) => `${label}=${JSON.stringify(of)}`);
    return [`${name}{${text.join(",")}} ${name === metrics.slotBusy.name ? value / factor : value}`];
  });
  return lines.length === 0 ? undefined : `${lines.join("\n")}\n`;
};

const stepSeconds = 15;

/** Serves each process of each history as a target. */
export const serveHistories = async ({ histories, factor, before, length }: LiveOptions): Promise<LiveHistories> => {
  const count = Math.floor(length / stepSeconds) + 1;
  const targets = histories.flatMap((history) => {
    const from = Math.max(0, (history.fault?.from ?? 0) - before);
    const moments = Array.from({ length: count }, (_, index) => from + index * stepSeconds);
    return history.make().processes.map((process, index) => ({
      path: `/${jobOf(history)}/${index}`,
      job: jobOf(history),
      instance: process.instance,
      series: process.scrape(moments),
    }));
  });
  let startedAt: number | undefined;
  const elapsed = (): Seconds => (startedAt === undefined ? 0 : ((performance.now() - startedAt) / 1_000) * factor);
  const server = createServer((request, response) => {
    const target = targets.find(({ path }) => path === request.url);
    const index = Math.min(count - 1, Math.floor(elapsed() / stepSeconds));
    const text = target === undefined ? undefined : textOf(target.series, index, factor);
    response.writeHead(text === undefined ? 503 : 200, { "content-type": "text/plain; version=0.0.4" });
    response.end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    jobs: targets.map(({ path, job, instance }): ScrapeJob => {
      const labels: Labels = { job, instance };
      return { job: path, url: `${url}${path}`, labels };
    }),
    start: () => {
      startedAt = performance.now();
    },
    elapsed,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
