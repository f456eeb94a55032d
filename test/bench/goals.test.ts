import { expect, test } from "vitest";
import { checkGoals } from "../../bench/goals.ts";
import type { Measurement } from "../../bench/harness/rounds.ts";

const at16 = (summaries: Readonly<Record<string, { readonly ratio: number; readonly cpu: number }>>): Measurement => ({
  work: "call",
  concurrency: 16,
  summaries: Object.entries(summaries).map(([id, { ratio, cpu }]) => ({
    id,
    name: id,
    callsPerSecond: { median: 1, low: 1, high: 1 },
    ratio: { median: ratio, low: ratio, high: ratio },
    clientMicros: cpu / 2,
    serverMicros: cpu / 2,
    p50Micros: 1,
    p99Micros: 1,
  })),
  used: 1,
  made: 1,
  others: 0,
  loaded: false,
});

const goalsOf = (measurement: Measurement) =>
  Object.fromEntries(
    checkGoals({ runtime: "node", measurements: [measurement], programs: {} }).map(({ what, value, reached }) => [
      what,
      [value, reached],
    ]),
  );

test("evaluates ratios, and telemetry's share of the CPU time of both sides", () => {
  const goals = goalsOf(
    at16({
      bare: { ratio: 1, cpu: 60 },
      firelight: { ratio: 0.9, cpu: 100 },
      "firelight-off": { ratio: 1, cpu: 60 },
      "moleculer-otel": { ratio: 1, cpu: 60 },
    }),
  );
  expect(goals).toEqual({
    "small call, 16 at a time, of bare HTTP": ["0.90", true],
    "small call, 16 at a time, of Moleculer with metrics and tracing": ["0.90", false],
    "telemetry's share of CPU per call, 16 at a time": ["40%", false],
    "small call over HTTP, 16 at a time, of bare HTTP": ["0.90", true],
  });
});

test("compares the pool at 1,000 runners with 10, without and with waiting calls", () => {
  const pool = [
    { runners: 10, waiting: 0, micros: 1 },
    { runners: 10, waiting: 100, micros: 2 },
    { runners: 1_000, waiting: 0, micros: 1.1 },
    { runners: 1_000, waiting: 100_000, micros: 3 },
  ];
  expect(checkGoals({ runtime: "node", measurements: [], programs: { pool } })).toMatchObject([
    { value: "1.5 ×", reached: false },
  ]);
});
