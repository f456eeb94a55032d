/** Runs the bursty example as users do: its scaling decisions, its chart and its ledger. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { watchStarvation } from "../chaos/cpu-starvation.ts";
import { startProcess } from "../harness/start-process.ts";

const main = join(import.meta.dirname, "../../examples/03-bursty/main.ts");
const out = mkdtempSync(join(tmpdir(), "firelight-bursty-"));
const columns = 100;

let printed: string;
/** Without the time for which this process, and so the example beside it, waited for the processor. */
let tookMs: number;

/** The numbers in the line of the summary with this title. */
const numbersOf = (title: string): ReadonlyArray<number> => {
  const line = new RegExp(`^✓ ${title} +(.*)$`, "m").exec(printed)?.[1] ?? "";
  return [...line.matchAll(/\d+(?:\.\d+)?/g)].map(([number]) => Number(number));
};

/** The scaling decisions, as the sizes before and after. */
const decisions = (kind: "grows" | "shrinks"): ReadonlyArray<readonly [from: number, to: number]> =>
  [...printed.matchAll(new RegExp(`${kind} (\\d) → (\\d)`, "g"))].map(([, from, to]) => [Number(from), Number(to)]);

beforeAll(async () => {
  const startedAt = performance.now();
  let starvedMs = 0;
  const stop = watchStarvation((gap) => (starvedMs += gap.starvedMs));
  await using example = await startProcess({
    command: [process.execPath, main, "--out", out],
    env: { NO_COLOR: "1", FORCE_COLOR: undefined, COLUMNS: String(columns) },
  });
  const end = await example.exited;
  stop();
  tookMs = performance.now() - startedAt - starvedMs;
  printed = example.output();
  expect(end, printed).toEqual({ code: 0, signal: null });
}, 60_000);

afterAll(() => rmSync(out, { recursive: true, force: true }));

test("every line of the summary has a check mark, and the example takes less than 25 seconds", () => {
  expect(printed.match(/^[✓✗] \S+/gmu)).toEqual([
    "✓ grew",
    "✓ served",
    "✓ shed",
    "✓ killed",
    "✓ runners",
    "✓ calls",
    "✓ metrics",
  ]);
  expect(tookMs).toBeLessThan(25_000);
});

test("every call ends exactly once: the outcomes sum to the calls that were made", () => {
  const [made, ...outcomes] = numbersOf("calls");
  expect(made).toBeGreaterThan(300);
  expect(outcomes.reduce((sum, count) => sum + count, 0)).toBe(made);
  expect(/^✓ calls .* (\d+) timeout/m.exec(printed)?.[1]).toBeDefined();
});

test("rejects calls under overload, and the queue never exceeds its limit", () => {
  const [refused, , deepest] = numbersOf("shed");
  expect(refused).toBeGreaterThan(0);
  expect(deepest).toBeLessThanOrEqual(100);
  expect(printed).toMatch(/is saturated +all 16 slots are in use and \d+ calls are waiting/);
});

test("the pool grows with the queue, replaces killed runners and shrinks to zero, and prints the reasons", () => {
  const grown = decisions("grows");
  const shrunk = decisions("shrinks");
  expect(grown[0]).toEqual([0, 1]);
  expect(Math.max(...grown.map(([, to]) => to))).toBe(4);
  expect(shrunk.at(-1)).toEqual([1, 0]);
  for (const line of printed.match(/^.*grows.*$/gm) ?? []) expect(line).toMatch(/\d+ calls running, \d+ waiting$/);
  for (const line of printed.match(/^.*shrinks.*$/gm) ?? [])
    expect(line).toMatch(
      /(?:(?:a boot is|\d+ boots are) no longer needed|idle for \d+ ms|not needed for \d+ ms: \d+ (?:was|were) enough)$/,
    );
  expect(printed.match(/jobs-\w+ was killed at work/g)).toHaveLength(2);
});

test("the chart shows queue, runners by state and kills, and fits the terminal", () => {
  const [, chart = ""] = printed.split("The pool over time");
  const band = (title: string): string => new RegExp(`^${title} .*$`, "m").exec(chart)?.[0] ?? "";
  expect(band("queue")).toMatch(/most \d+ of 100$/);
  expect(band("runners")).toMatch(/[█▴].*most 4$/);
  expect(band("saturation")).toMatch(/most 100%$/);
  expect(band("killed").match(/✗/g)?.length).toBeGreaterThan(0);
  for (const line of chart.split("\n\n")[0]!.split("\n")) expect(line.length).toBeLessThanOrEqual(columns);
});

test("logs of parent and runners go to the log file, not to the terminal", () => {
  expect(printed).not.toMatch(/firelight (warn|error)/);
  expect(readFileSync(join(out, "run.log"), "utf8")).toMatch(/was lost: crash, was ended by SIGKILL/);
});
