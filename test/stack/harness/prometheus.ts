/** A real Prometheus on a free port, with short intervals, which ends with the test. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { stringify } from "yaml";
import { waitFor } from "../../harness/wait-for.ts";
import { prometheusApi, type PrometheusApi } from "./prometheus-api.ts";
import { promDuration, shortenRules, type ShortTimes } from "./rule-files.ts";
import { startServer, type RunningServer } from "./server-process.ts";
import { serverPath } from "./servers.ts";

/** A scrape target. */
export interface ScrapeJob {
  readonly job: string;
  /** The URL of its metrics, including the path. */
  readonly url: string;
  /** Whether its own labels override those of the target. */
  readonly honorLabels?: boolean;
  /** Additional labels of the target. */
  readonly labels?: Readonly<Record<string, string>>;
}

export interface PrometheusOptions {
  readonly jobs: ReadonlyArray<ScrapeJob>;
  /** Default 500. */
  readonly scrapeIntervalMs?: number;
  /** Paths of rule files. */
  readonly rules?: ReadonlyArray<string>;
  /** Changes to the times in the rule files. Default: evaluated at the scrape interval, `for` as written. */
  readonly ruleTimes?: ShortTimes;
  /** Base URL of an Alertmanager. */
  readonly alertmanager?: string;
  /**
   * Files in OpenMetrics format with timestamps: history that is loaded before it starts. Rules are then loaded after every
   * target was scraped. If they were evaluated earlier, sums of the old counters would come between history and current data.
   */
  readonly past?: ReadonlyArray<string>;
}

/** A running Prometheus. `await using` ends it. */
export interface Prometheus extends RunningServer, PrometheusApi {
  readonly scrapeIntervalMs: number;
  /** Waits until every target was scraped successfully; Prometheus starts after 5 seconds. Rejects with the errors of the others. */
  untilScraped(timeoutMs?: number): Promise<void>;
  /** Waits until all rules were evaluated. Rejects with the errors of those that failed. */
  untilEvaluated(timeoutMs?: number): Promise<void>;
}

const classInstanceOf = (url: string): string => new URL(url).host;

const configure = (options: PrometheusOptions, scrapeIntervalMs: number, ruleFiles: ReadonlyArray<string>): string => {
  const interval = promDuration(scrapeIntervalMs);
  return stringify({
    global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
    rule_files: ruleFiles,
    scrape_configs: options.jobs.map(({ job, url, honorLabels = false, labels }) => ({
      job_name: job,
      honor_labels: honorLabels,
      metrics_path: new URL(url).pathname,
      static_configs: [{ targets: [classInstanceOf(url)], ...(labels === undefined ? {} : { labels }) }],
    })),
    ...(options.alertmanager === undefined
      ? {}
      : { alerting: { alertmanagers: [{ static_configs: [{ targets: [classInstanceOf(options.alertmanager)] }] }] } }),
  });
};

/** Creates database blocks from files in OpenMetrics format. */
const fillDatabase = (past: ReadonlyArray<string>, data: string): void => {
  for (const file of past)
    execFileSync(serverPath("promtool"), ["tsdb", "create-blocks-from", "openmetrics", "--quiet", file, data], {
      stdio: ["ignore", "ignore", "inherit"],
    });
};

const copyRules = (rules: ReadonlyArray<string>, times: ShortTimes, folder: string): void => {
  for (const path of rules)
    writeFileSync(join(folder, basename(path)), shortenRules(readFileSync(path, "utf8"), times));
};

/** Starts a Prometheus that stores exemplars, and waits until it is ready. */
export const startPrometheus = async (options: PrometheusOptions): Promise<Prometheus> => {
  const scrapeIntervalMs = options.scrapeIntervalMs ?? 500;
  const times = options.ruleTimes ?? { intervalMs: scrapeIntervalMs };
  const { rules = [], past = [] } = options;
  const server = await startServer({
    program: serverPath("prometheus"),
    args: (folder) => {
      const config = join(folder, "prometheus.yml");
      const copies = rules.map((path) => join(folder, basename(path)));
      writeFileSync(config, configure(options, scrapeIntervalMs, copies));
      if (past.length === 0) copyRules(rules, times, folder);
      const data = join(folder, "data");
      fillDatabase(past, data);
      return [
        `--config.file=${config}`,
        `--storage.tsdb.path=${data}`,
        "--web.listen-address=127.0.0.1:0",
        "--enable-feature=exemplar-storage",
      ];
    },
    listening: /Listening on" address=(\S+)/,
  });
  const api = prometheusApi(server.url);
  await waitFor(async () => (await fetch(`${server.url}/-/ready`)).ok, {
    what: `Prometheus to be ready:\n${server.output()}`,
    timeoutMs: 20_000,
    everyMs: 50,
  });

  const prometheus: Prometheus = {
    ...server,
    ...api,
    scrapeIntervalMs,
    untilScraped: async (timeoutMs = 20_000) => {
      await waitFor(
        async () => {
          const targets = await api.targets();
          const bad = targets.filter(({ health }) => health !== "up");
          if (targets.length < options.jobs.length) throw new Error("not all targets are known yet");
          if (bad.length > 0)
            throw new Error(bad.map((target) => `${target.scrapeUrl}: ${target.lastError}`).join("\n"));
          return true;
        },
        { what: "all targets to be scraped", timeoutMs, everyMs: 50 },
      );
    },
    untilEvaluated: async (timeoutMs = 20_000) => {
      await waitFor(
        async () => {
          const loaded = (await api.rules()).flatMap((group) => group.rules);
          if (loaded.length === 0 && rules.length > 0) throw new Error("no rules are loaded yet");
          const bad = loaded.filter(({ health }) => health !== "ok");
          if (bad.length > 0)
            throw new Error(bad.map((rule) => `${rule.name}: ${rule.lastError ?? "not yet"}`).join("\n"));
          return true;
        },
        { what: "all rules to be evaluated", timeoutMs, everyMs: 100 },
      );
    },
  };
  if (past.length > 0 && rules.length > 0) {
    await prometheus.untilScraped();
    copyRules(rules, times, server.folder);
    server.kill("SIGHUP");
  }
  return prometheus;
};
