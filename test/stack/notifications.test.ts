/**
 * Histories, thirty times as fast, through a real Prometheus and a real Alertmanager with the files that ship: who is sent
 * what. One page for each fault, no ticket beside it, and nothing once all is well again.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { waitFor } from "../harness/wait-for.ts";
import {
  type Alertmanager,
  type NotifiedAlert,
  type Pager,
  startAlertmanager,
  startPager,
} from "./harness/alertmanager.ts";
import { type Prometheus, startPrometheus } from "./harness/prometheus.ts";
import { lacks } from "./harness/servers.ts";
import { histories } from "./replay/histories.ts";
import { jobOf, type LiveHistories, serveHistories, speedUpRules } from "./replay/live.ts";

const root = join(import.meta.dirname, "../..");
const factor = 30;
const before = 20 * 60;
const length = 110 * 60;
const scrapeMs = 15_000 / factor;

const names = ["outage and recovery", "boots fail", "short fault", "pool is full", "flapping overload"];
const chosen = names.map((name) => histories.find((history) => history.name === name)!);

interface AlertmanagerFile {
  readonly route: Readonly<Record<string, unknown>>;
  readonly receivers: ReadonlyArray<{ readonly name: string; readonly webhook_configs?: ReadonlyArray<object> }>;
}

/** The configuration that ships, with a receiver of the test for each of its own, and shorter waits. */
const alertmanagerConfig = (pagers: Readonly<Record<string, Pager>>): Readonly<Record<string, unknown>> => {
  const shipped = parse(readFileSync(join(root, "otel/alertmanager.yaml"), "utf8")) as AlertmanagerFile;
  return {
    ...shipped,
    route: { ...shipped.route, group_wait: `${15_000 / factor}ms`, group_interval: `${60_000 / factor}ms` },
    receivers: shipped.receivers.map(({ name }) => {
      const pager = pagers[name];
      return pager === undefined ? { name } : { name, webhook_configs: [{ url: pager.url, send_resolved: true }] };
    }),
  };
};

describe.skipIf(lacks("prometheus", "alertmanager"))("notifications of a history", () => {
  const pagers: Record<string, Pager> = {};
  const folder = mkdtempSync(join(tmpdir(), "firelight-rules-"));
  let live: LiveHistories;
  let prometheus: Prometheus;
  let alertmanager: Alertmanager;

  const sent = (receiver: string, name: string): ReadonlyArray<NotifiedAlert> => {
    const job = jobOf(histories.find((history) => history.name === name)!);
    return pagers[receiver]!.notified.filter(({ labels }) => labels["job"] === job);
  };
  const firing = (alerts: ReadonlyArray<NotifiedAlert>): ReadonlyArray<string> => [
    ...new Set(alerts.filter(({ status }) => status === "firing").map(({ labels }) => labels["alertname"]!)),
  ];

  beforeAll(async () => {
    for (const receiver of ["pager", "tickets", "security"]) pagers[receiver] = await startPager();
    const rules = ["rules", "alerts"].map((kind) => {
      const file = join(folder, `${kind}.yaml`);
      writeFileSync(file, speedUpRules(readFileSync(join(root, `otel/rules/firelight.${kind}.yaml`), "utf8"), factor));
      return file;
    });
    live = await serveHistories({ histories: chosen, factor, before, length });
    alertmanager = await startAlertmanager({ pager: pagers["pager"]!, config: alertmanagerConfig(pagers) });
    prometheus = await startPrometheus({
      jobs: live.jobs,
      rules,
      scrapeIntervalMs: scrapeMs,
      ruleTimes: { intervalMs: 2 * scrapeMs },
      alertmanager: alertmanager.url,
    });
    await prometheus.untilEvaluated();
    live.start();
    await waitFor(() => live.elapsed() >= length, {
      what: "the end of the histories",
      timeoutMs: 900_000,
      everyMs: 500,
    });
    await waitFor(async () => (await prometheus.alerts()).length === 0, {
      what: "all alerts to end",
      timeoutMs: 300_000,
      everyMs: 500,
    });
    await waitFor(async () => (await alertmanager.alerts()).length === 0, {
      what: "Alertmanager to send that they ended",
      timeoutMs: 60_000,
      everyMs: 500,
    });
  }, 1_500_000);

  afterAll(async () => {
    await prometheus[Symbol.asyncDispose]();
    await alertmanager[Symbol.asyncDispose]();
    await live[Symbol.asyncDispose]();
    for (const pager of Object.values(pagers)) await pager[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(names)("%s: pages, and what pages resolves", (name) => {
    const { alerts = [] } = histories.find((history) => history.name === name)!;
    const pages = sent("pager", name);
    expect(alerts).toEqual(expect.arrayContaining([...firing(pages)]));
    expect(firing(pages)).toContain(alerts.at(-1));
    expect(pages.at(-1)?.status).toBe("resolved");
  });

  test.each(names)("%s: no ticket beside the page, and none after it", (name) => {
    expect(firing(sent("tickets", name))).toEqual([]);
  });

  test("security hears nothing", () => {
    expect(pagers["security"]!.notified).toEqual([]);
  });
});
