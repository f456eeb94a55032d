/** The number of series per method, which docs/metrics.md states, and the options that reduce it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createFlame, type Flame, type TelemetryOptions } from "../../src/index.ts";
import { startReceiver } from "../otel/otlp-receiver.ts";

const security = { secret: "a secret of this test" };
const names = Array.from({ length: 500 }, (_, index) => `m${index}`);
const methods = Object.fromEntries(names.map((name) => [name, async (value: number) => value]));

let runner: Flame;
let runnerUrl: string;
beforeAll(async () => {
  runner = createFlame({ mode: "runner", security });
  runner.service("catalog", methods);
  const server = runner.createRunnerServer({ port: 0, hostname: "127.0.0.1", handleSignals: false });
  await server.ready;
  runnerUrl = server.url;
});
afterAll(() => runner.shutdown());

/** Returns the samples of a parent that has called each method once. */
const samplesAfterCalls = async (telemetry: TelemetryOptions): Promise<ReadonlyArray<string>> => {
  await using parent = createFlame({ mode: "parent", runnerUrl, security, telemetry });
  const service = parent.service("catalog", methods) as Record<string, (value: number) => Promise<number>>;
  await Promise.all(names.map((name) => service[name]!(1)));
  return (await parent.metrics()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
};

/** Samples of a method whose calls succeed at the first attempt, with 7 phases. */
const perMethod = { all: 118, phases: 84 } as const;

test("500 methods have the number of series that docs/metrics.md states", async () => {
  const samples = await samplesAfterCalls({});
  const byMethod = samples.filter((line) => line.includes("rpc_method="));
  const phases = byMethod.filter((line) => line.startsWith("flame_invocation_phase_"));
  expect(phases.length).toBeLessThanOrEqual(500 * perMethod.phases);
  expect(byMethod.length - phases.length).toBe(500 * (perMethod.all - perMethod.phases));
  expect(samples.length - byMethod.length).toBeLessThan(400);
  const page = readFileSync(join(import.meta.dirname, "../../docs/metrics.md"), "utf8");
  expect(page.replaceAll(/ +/g, " ")).toContain(`| one method, all calls succeeding | ${perMethod.all} |`);
});

test("telemetry.methods keeps the labels of the listed methods, and counts others as _OTHER", async () => {
  const samples = await samplesAfterCalls({ methods: ["catalog/m7", "other/*"] });
  const labels = new Set(samples.flatMap((line) => /rpc_method="(.*?)"/.exec(line)?.[1] ?? []));
  expect([...labels].toSorted()).toEqual(["_OTHER", "catalog/m7"]);
  const calls = samples.filter((line) => line.startsWith("rpc_client_call_duration_seconds_count"));
  expect(calls.map((line) => Number(line.split(" ")[1])).toSorted((left, right) => left - right)).toEqual([1, 499]);
  expect(samples.length).toBeLessThan(2 * perMethod.all + 400);
});

test("telemetry.methods accepts service/*", async () => {
  const samples = await samplesAfterCalls({ methods: ["catalog/*"] });
  expect(samples.filter((line) => line.includes("_OTHER"))).toEqual([]);
});

test.each([
  [[0.1, 1], 2],
  [[], 0],
])("telemetry.buckets: %j sets the bounds of method histograms, but not those of pools", async (buckets, count) => {
  const samples = await samplesAfterCalls({ buckets });
  const bounds = (name: string): number =>
    new Set(samples.flatMap((line) => (line.startsWith(`${name}_bucket`) ? (/le="(.*?)"/.exec(line)?.[1] ?? []) : [])))
      .size;
  for (const name of [
    "rpc_client_call_duration_seconds",
    "flame_client_attempt_duration_seconds",
    "flame_invocation_phase_duration_seconds",
  ])
    expect([name, bounds(name)]).toEqual([name, count + 1]);
  expect(bounds("flame_pool_acquire_duration_seconds")).toBe(22);
});

test.each([
  [{ methods: "catalog/*" }, 'telemetry.methods is "catalog/*". Use an array'],
  [{ methods: ["catalog"] }, 'telemetry.methods[0] is "catalog". Use "service/method" or "service/*"'],
  [{ methods: [7] }, 'telemetry.methods[0] is 7. Use "service/method" or "service/*"'],
  [
    { buckets: [1, 1] },
    "telemetry.buckets is an array. Use an array of seconds above 0, each greater than the one before",
  ],
  [{ buckets: 3 }, "telemetry.buckets is 3. Use an array of seconds above 0"],
])("rejects %j", async (telemetry, message) => {
  await using flame = createFlame();
  await expect(flame.configure({ mode: "local", telemetry: telemetry as never })).rejects.toThrow(message);
});

test("spans have the names of methods that metrics count as _OTHER", async () => {
  const { startOpenTelemetry } = await import("../../src/otel/index.ts");
  await using receiver = await startReceiver();
  const otel = startOpenTelemetry({ endpoint: receiver.url });
  await using flame = createFlame({ mode: "local", telemetry: { methods: [] } });
  await flame.fn("quiet", async () => "done")();
  expect(await flame.metrics()).toContain('rpc_method="_OTHER"');
  await otel.shutdown();
  expect(receiver.spans.map((span) => span.name)).toContain("quiet/default");
});
