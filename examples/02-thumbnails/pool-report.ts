/** What the pool did: its runners, its waiting, how full it was. Each figure is read from the metrics. */
import type { MetricsReader } from "firelight";
import { metrics } from "firelight/catalog";
import { quantile, Scrape } from "../shared/prometheus-text.ts";
import { duration, heading, padEnd, print, styled } from "../shared/terminal.ts";

/** The highest values of gauges between two moments. */
export interface Peak {
  saturation: number;
  pending: number;
}

const scrapeEveryMs = 100;

/** Scrapes again and again, as Prometheus would, since a gauge shows only the moment. The returned function stops it. */
export const watchPeak = (read: MetricsReader): (() => Peak) => {
  const peak: Peak = { saturation: 0, pending: 0 };
  const look = async (): Promise<void> => {
    const scrape = new Scrape(await read());
    const limit = scrape.sum(metrics.slotsLimit.name);
    if (limit > 0) peak.saturation = Math.max(peak.saturation, scrape.sum(metrics.slotsUsed.name) / limit);
    peak.pending = Math.max(peak.pending, scrape.sum(metrics.pending.name));
  };
  const timer = setInterval(() => void look(), scrapeEveryMs);
  return () => {
    clearInterval(timer);
    return peak;
  };
};

const percent = (share: number): string => `${Math.round(share * 100)}%`;

const fact = (name: string, ...facts: ReadonlyArray<string>): void =>
  print(`${padEnd(styled("dim", name), 13)}${facts.join(styled("dim", " · "))}`);

/** `arrived` is what the metrics cannot know: how many spans of runners were received. */
export const printPool = (scrape: Scrape, pool: string, peak: Peak, arrived: number): void => {
  const where = { flame_pool_name: pool };
  const count = (name: string, labels: Record<string, string> = {}): number =>
    scrape.sum(name, { ...where, ...labels });
  const p = (q: number, name: string, labels: Record<string, string> = {}): string =>
    duration(quantile(q, scrape.histogram(name, { ...where, ...labels })) ?? 0);
  const { acquireDuration, bootDuration, leaseDuration, slotAvailable, slotBusy, telemetrySpans, terminations } =
    metrics;
  const lost = count(terminations.name, { reason: "crash" });
  const [busy, available] = [count(slotBusy.name), count(slotAvailable.name)];
  const acquired = (source: string): string =>
    `${count(`${acquireDuration.name}_count`, { result: "acquired", source })} ${source}`;

  heading(`Pool "${pool}"`, "from the same metrics");
  fact(
    "runners",
    `${count(`${bootDuration.name}_count`, { result: "ok" })} started`,
    lost === 0 ? "none lost" : styled("red", `${lost} lost`),
    `boot p50 ${p(0.5, bootDuration.name, { result: "ok" })}`,
  );
  fact(
    "acquire",
    `p50 ${p(0.5, acquireDuration.name)}`,
    `p95 ${p(0.95, acquireDuration.name)}`,
    ["warm", "queued", "cold"].map(acquired).join(", "),
  );
  fact("saturation", `highest ${percent(peak.saturation)} of the limit`, `at most ${peak.pending} calls waiting`);
  fact(
    "utilization",
    percent(busy / available),
    `${busy.toFixed(1)} of ${available.toFixed(1)} slot-seconds were busy`,
  );
  fact("lease", `p50 ${p(0.5, leaseDuration.name)}`, `p95 ${p(0.95, leaseDuration.name)}`);
  fact(
    "telemetry",
    `${count(telemetrySpans.name, { outcome: "reported" })} runner spans reported`,
    `${count(telemetrySpans.name, { outcome: "lost" })} lost with a runner`,
    `${arrived} arrived`,
  );
};
