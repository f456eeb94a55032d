/**
 * Runs the incident drills as users do: real programs fail, and a real Prometheus and Alertmanager must raise the alerts.
 * FIRELIGHT_DRILLS selects drills: `short` (default) for those whose alert fires within minutes, `all`, which takes a quarter
 * of an hour, or names separated by commas.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { drills } from "../../examples/04-incident-drills/drills/drills.ts";
import { chooseDrills } from "../../examples/04-incident-drills/choose-drills.ts";
import type { DrillSummary } from "../../examples/04-incident-drills/summary.ts";
import { startProcess } from "../harness/start-process.ts";
import { record } from "./harness/board.ts";
import { lacks } from "./harness/servers.ts";

const folder = join(import.meta.dirname, "../../examples/04-incident-drills");
const resultsFile = join(folder, "out/results.json");
const wanted = process.env["FIRELIGHT_DRILLS"] ?? "short";
const args = wanted === "all" ? [] : wanted === "short" ? ["--short"] : wanted.split(",");
const chosen = chooseDrills(wanted === "all" || wanted === "short" ? [] : args, wanted === "short");
const timeoutMs = 30 * 60_000;

describe.skipIf(lacks("prometheus", "alertmanager", "promtool"))("incident drills", () => {
  let results: ReadonlyArray<DrillSummary>;
  let printed: string;
  let code: number | null;

  const of = (name: string): DrillSummary => results.find(({ drill }) => drill === name)!;

  beforeAll(async () => {
    await using run = await startProcess({
      command: [process.execPath, join(folder, "main.ts"), ...args],
      env: { NO_COLOR: "1", FORCE_COLOR: undefined, COLUMNS: "120" },
    });
    ({ code } = await run.exited);
    printed = run.output();
    if (!existsSync(resultsFile)) throw new Error(`The drills ended with ${code} and without results:\n${printed}`);
    results = JSON.parse(readFileSync(resultsFile, "utf8")) as ReadonlyArray<DrillSummary>;
    const panels = results.flatMap((result) => result.panels);
    const count = (what: string, all: number, good: number): void => record({ what, good, all });
    count(
      "drills: the expected alert fired",
      chosen.length,
      results.filter((one) => one.toldAfterMs !== undefined).length,
    );
    count("drills: no other page fired", chosen.length, results.filter(({ strays }) => strays.length === 0).length);
    count("drills: panels moved", panels.length, panels.filter(({ moved }) => moved).length);
    count("drills: the cause was explained", chosen.length, results.filter(({ cause }) => cause !== undefined).length);
  }, timeoutMs);

  test("run as selected and exit with code 0", () => {
    expect(results.map(({ drill }) => drill)).toEqual(chosen.map(({ name }) => name));
    expect(code, printed).toBe(0);
  });

  test.each(chosen.map(({ name, alert }) => [name, alert] as const))("%s: %s fires, and no unrelated page", (name) => {
    const { firedAfterMs, toldAfterMs, strays } = of(name);
    expect(firedAfterMs, printed).toBeGreaterThan(0);
    expect(toldAfterMs).toBeGreaterThanOrEqual(firedAfterMs!);
    expect(strays).toEqual([]);
  });

  test.each(chosen.map(({ name }) => name))(
    "%s: the notification has a summary, a description and a runbook link",
    (name) => {
      const { annotations, alert } = of(name);
      expect(annotations["summary"]).toContain(name);
      expect(annotations["description"]!.length).toBeGreaterThan(40);
      expect(annotations["runbook_url"], alert).toMatch(/^http/);
    },
  );

  test.each(chosen.map(({ name }) => name))("%s: its panels change, and its cause is printed", (name) => {
    const { panels, cause } = of(name);
    for (const panel of panels) expect(panel, JSON.stringify(panel)).toMatchObject({ moved: true });
    expect(cause, printed).toBeTypeOf("string");
    expect(printed).toContain(cause);
  });
});

test("drills has the nine documented incidents", () => {
  expect(drills.map(({ name }) => name)).toEqual([
    "slow-method",
    "pool-saturation",
    "cold-start-storm",
    "crash-loop",
    "retry-storm",
    "short-deadline",
    "bad-signature",
    "clock-skew",
    "collector-down",
  ]);
});
