/** Prometheus and Alertmanager around the programs of the drills: with a past, the rules as they ship, and a pager. */
import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "yaml";
import { type Alertmanager, type Pager, startAlertmanager, startPager } from "../../test/stack/harness/alertmanager.ts";
import { type Prometheus, type ScrapeJob, startPrometheus } from "../../test/stack/harness/prometheus.ts";
import { waitFor } from "../../test/harness/wait-for.ts";
import { counters } from "../../src/bundle/rules/recording.ts";
import { recordHealth, writePast } from "./past.ts";

const root = join(import.meta.dirname, "../..");

export const ruleFiles: ReadonlyArray<string> = ["firelight.rules.yaml", "firelight.alerts.yaml"].map((name) =>
  join(root, "otel/rules", name),
);

/** Shorter than in production, for scrapes and for rules. Nothing else of the rules is changed. */
const intervalMs = 2_000;

/** What of the healthy programs is recorded to make their past of. */
const recordedMs = 24_000;

/** Scrapes of each program that must have come since the start. */
const freshScrapes = 4;

export interface Stack extends AsyncDisposable {
  readonly prometheus: Prometheus;
  readonly alertmanager: Alertmanager;
  /** Where Alertmanager sends pages and tickets. */
  readonly pager: Pager;
  /** Waits until there are a few fresh scrapes that are like the past, and no alert is pending or fires. */
  untilQuiet(): Promise<void>;
}

interface AlertmanagerFile {
  readonly route: Readonly<Record<string, unknown>>;
  readonly receivers: ReadonlyArray<{ readonly name: string; readonly webhook_configs?: ReadonlyArray<object> }>;
}

/** The configuration that ships, with its receivers led to the pager and its waits shortened. */
const alertmanagerConfig = ({ url }: Pager): Readonly<Record<string, unknown>> => {
  const shipped = parse(readFileSync(join(root, "otel/alertmanager.yaml"), "utf8")) as AlertmanagerFile;
  return {
    ...shipped,
    route: { ...shipped.route, group_wait: "1s", group_interval: "1s" },
    receivers: shipped.receivers.map((receiver) => ({
      ...receiver,
      ...(receiver.webhook_configs === undefined
        ? {}
        : { webhook_configs: receiver.webhook_configs.map((hook) => ({ ...hook, url })) }),
    })),
  };
};

/** Records the health of the jobs, makes a past of it in `folder`, and gives its files. */
const makePast = async (jobs: ReadonlyArray<ScrapeJob>, folder: string): Promise<ReadonlyArray<string>> => {
  const prometheus = await startPrometheus({ jobs, scrapeIntervalMs: intervalMs, rules: ruleFiles });
  try {
    await prometheus.untilScraped();
    await prometheus.untilEvaluated();
    await sleep(recordedMs);
    const names = jobs.map(({ job }) => job);
    const health = await recordHealth(prometheus, names, recordedMs);
    return await writePast(health, Date.now(), (index) => join(folder, `past-${index}.txt`));
  } finally {
    await prometheus[Symbol.asyncDispose]();
  }
};

/** By how much the rate of calls of the last hour may differ from that of now. */
const likeness = 2;

/**
 * Checks that the past is like the present: as many calls a second over the last hour as within the fresh scrapes.
 *
 * @throws with both numbers when it is not.
 */
const checkPast = async (prometheus: Prometheus): Promise<void> => {
  const rateOver = (window: string): string => `sum by (job) (rate(${counters.calls}[${window}]))`;
  const now = rateOver(`${freshScrapes * intervalMs}ms`);
  for (const { labels, samples } of await prometheus.query(`${rateOver("1h")} / ${now}`)) {
    const ratio = samples[0]!.value;
    if (!(ratio < likeness && ratio > 1 / likeness))
      throw new Error(`${labels["job"]} had ${ratio.toFixed(2)} times as many calls in its past as it has now.`);
  }
};

/** Starts both for programs that are up and healthy. `tell` hears what takes a while. */
export const startStack = async (
  jobs: ReadonlyArray<ScrapeJob>,
  folder: string,
  tell: (what: string) => void,
): Promise<Stack> => {
  tell(`recording ${recordedMs / 1_000} healthy seconds, for a past of three days`);
  const past = await makePast(jobs, folder);
  const pager = await startPager();
  const alertmanager = await startAlertmanager({ pager, config: alertmanagerConfig(pager) });
  tell("starting Prometheus with that past");
  const prometheus = await startPrometheus({
    jobs,
    scrapeIntervalMs: intervalMs,
    rules: ruleFiles,
    alertmanager: alertmanager.url,
    past,
  });
  await Promise.all(past.map((file) => rm(file)));
  await prometheus.untilScraped();
  await prometheus.untilEvaluated();
  return {
    prometheus,
    alertmanager,
    pager,
    untilQuiet: async () => {
      const fresh = jobs.length * freshScrapes;
      await waitFor(
        async () => {
          const [scrapes] = await prometheus.query(`sum(count_over_time(up[${freshScrapes * 2 * intervalMs}ms]))`);
          const alerts = await prometheus.alerts();
          if (alerts.length > 0) throw new Error(alerts.map(({ labels }) => JSON.stringify(labels)).join("\n"));
          if ((scrapes?.samples[0]?.value ?? 0) < fresh) return false;
          await checkPast(prometheus);
          return true;
        },
        { what: "healthy programs without an alert", timeoutMs: 60_000, everyMs: 500 },
      );
    },
    [Symbol.asyncDispose]: async () => {
      await prometheus[Symbol.asyncDispose]();
      await alertmanager[Symbol.asyncDispose]();
      await pager[Symbol.asyncDispose]();
    },
  };
};
