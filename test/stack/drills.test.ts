/**
 * The incident drills, run as their users run them: real programs break, and the real
 * Prometheus and Alertmanager must say so. FIRELIGHT_DRILLS chooses: `short` (default)
 * are those whose alert fires within minutes, `all` takes a quarter of an hour, and names
 * are names.
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
      "drills: the alert that must fire fired",
      chosen.length,
      results.filter((one) => one.toldAfterMs !== undefined).length,
    );
    count("drills: no other page fired", chosen.length, results.filter(({ strays }) => strays.length === 0).length);
    count("drills: panels moved", panels.length, panels.filter(({ moved }) => moved).length);
    count("drills: the cause was told", chosen.length, results.filter(({ cause }) => cause !== undefined).length);
  }, timeoutMs);

  test("those that were chosen were run, and the exit code is 0", () => {
    expect(results.map(({ drill }) => drill)).toEqual(chosen.map(({ name }) => name));
    expect(code, printed).toBe(0);
  });

  test.each(chosen.map(({ name, alert }) => [name, alert] as const))(
    "%s: %s fires, and nothing that must not",
    (name) => {
      const { firedAfterMs, toldAfterMs, strays } = of(name);
      expect(firedAfterMs, printed).toBeGreaterThan(0);
      expect(toldAfterMs).toBeGreaterThanOrEqual(firedAfterMs!);
      expect(strays).toEqual([]);
    },
  );

  test.each(chosen.map(({ name }) => name))("%s: what Alertmanager sent says what to do", (name) => {
    const { annotations, alert } = of(name);
    expect(annotations["summary"]).toContain(name);
    expect(annotations["description"]!.length).toBeGreaterThan(40);
    expect(annotations["runbook_url"], alert).toMatch(/^http/);
  });

  test.each(chosen.map(({ name }) => name))("%s: its panels move, and its cause is told", (name) => {
    const { panels, cause } = of(name);
    for (const panel of panels) expect(panel, JSON.stringify(panel)).toMatchObject({ moved: true });
    expect(cause, printed).toBeTypeOf("string");
    expect(printed).toContain(cause);
  });
});

test("every incident that was promised has its drill", () => {
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
