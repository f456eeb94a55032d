import { expect, test } from "vitest";
import { entries } from "../../bench/harness/contestant.ts";
import { place } from "../../bench/harness/machine.ts";
import { run } from "../../bench/harness/run.ts";
import { executableOf } from "../../bench/harness/runtimes.ts";
import { Sides } from "../../bench/harness/sides.ts";

const entryOf = (id: string) => entries.find((entry) => entry.id === id)!;

test("measures contestants in processes of their own, by the first one's rate", async () => {
  const { measurements } = await run({
    runtime: "node",
    contestants: [entryOf("bare"), entryOf("firelight-off")],
    works: ["call"],
    programs: [],
    concurrency: [2],
    rounds: 2,
    sliceMs: 30,
    maxOthers: 1,
    tries: 1,
  });
  expect(measurements).toHaveLength(1);
  const [bare, firelight] = measurements[0]!.summaries;
  expect(measurements[0]).toMatchObject({ work: "call", concurrency: 2, used: 2, made: 2, loaded: false });
  expect(bare!.ratio.median).toBe(1);
  expect(firelight!.ratio.median).toBeGreaterThan(0);
  expect(firelight!.clientMicros).toBeGreaterThan(0);
  expect(firelight!.serverMicros).toBeGreaterThan(0);
});

test("Firelight with everything on records all spans of a call on both sides", async () => {
  const sides = await Sides.start(entryOf("firelight"), executableOf("node"), place());
  try {
    await sides.spans();
    const before = await sides.spans();
    const { calls } = await sides.slice("call", 4, 20);
    expect((await sides.spans()) - before).toBe(calls * 4);
  } finally {
    sides.stop();
  }
});
