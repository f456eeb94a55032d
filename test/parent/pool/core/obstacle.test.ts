/** Errors of calls that got no slot give advice that fits the obstacle. */
import { describe, expect, test } from "vitest";
import { adviceFor, type Obstacle, obstacleOf, type Situation } from "../../../../src/parent/pool/core/obstacle.ts";
import { acquireTimeout, queueWaitExceeded, refusal } from "../../../../src/parent/pool/acquire-errors.ts";

const runners = { booting: 0, idle: 0, busy: 0, draining: 0, ejected: 0 };

const situation = (
  given: Partial<Omit<Situation, "runners">> & { runners?: Partial<Situation["runners"]> },
): Situation => ({
  pending: 1,
  slotsUsed: 0,
  slotsLimit: 4,
  slotBusySeconds: 0,
  slotAvailableSeconds: 0,
  slotsProvisioned: given.runners?.busy ?? 0,
  supply: "elastic",
  max: 4,
  maxConcurrency: 1,
  bootingMs: 0,
  bootFailure: undefined,
  policyReason: undefined,
  ...given,
  runners: { ...runners, ...given.runners },
});

const failure = { error: new Error("no such image.") };

type Given = Parameters<typeof situation>[0];

const cases: ReadonlyArray<
  readonly [obstacle: Obstacle, given: Given, named: ReadonlyArray<string>, not: string | undefined]
> = [
  ["booting", { runners: { booting: 1 }, bootingMs: 1_234.5 }, ["1235 ms", "BOUND", "warm", "min"], "max"],
  ["booting", { runners: { booting: 1, busy: 3 } }, ["BOUND", "warm"], "maxConcurrency"],
  ["full", { runners: { booting: 1, busy: 3 }, pending: 9 }, ["BOUND", "max", "maxConcurrency"], undefined],
  ["booting", { runners: { booting: 1, busy: 1 }, pending: 9 }, ["BOUND", "warm"], undefined],
  ["full", { runners: { busy: 4 } }, ["BOUND", "max", "maxConcurrency"], "warm"],
  ["paused", { bootFailure: failure }, ["no such image", "BOUND"], "max"],
  ["paused", { bootFailure: failure, runners: { busy: 2 } }, ["no such image"], "maxConcurrency"],
  ["draining", { runners: { busy: 3, draining: 1 } }, ["1 runner of max", "drainTimeoutMs", "BOUND"], undefined],
  ["silent", { runners: { busy: 2, ejected: 2 } }, ["2 runners of max", "do not respond", "timeoutMs"], undefined],
  ["policy", { runners: { busy: 1 }, policyReason: "it is night" }, ["it is night", "scaling", "BOUND"], undefined],
  ["unprovisioned", {}, ["min", "warm", "BOUND"], "max or"],
  ["unprovisioned", { runners: { busy: 2 } }, ["min", "warm", "BOUND"], "max or"],
  ["fixed_full", { supply: "fixed", runners: { busy: 4 } }, ["Add runners", "maxConcurrency"], "max or"],
  ["fixed_silent", { supply: "fixed", runners: { ejected: 4 } }, ["None of its runners responds"], "BOUND"],
];

describe("obstacleOf and adviceFor", () => {
  test.each(cases)("reports the obstacle %s, with advice that fits it, for %o", (obstacle, given, named, not) => {
    const now = situation(given);
    expect(obstacleOf(now)).toBe(obstacle);
    const advice = adviceFor(now, "BOUND");
    for (const word of named) expect(advice).toContain(word);
    if (not !== undefined) expect(advice).not.toContain(not);
  });

  test("replaces the message of an unreadable boot error in advice and rejections", () => {
    const error = Object.defineProperty(new Error("x"), "message", {
      get: () => {
        throw new Error("no");
      },
    });
    expect(adviceFor(situation({ bootFailure: { error } }), "x")).toContain("The thrown value cannot be read");
    const refused = refusal("p", "m", situation({}), { _tag: "Refuse", waiterId: 1, why: "boot_failed", error });
    expect(refused.message).toContain("The thrown value cannot be read");
  });
});

describe("the error of a call that got no slot", () => {
  const booting = situation({ runners: { booting: 1 }, bootingMs: 100 });
  const full = situation({ runners: { busy: 4 } });

  test.each([
    ["timeoutMs", acquireTimeout("p", "m", booting, 100)],
    ["timeoutMs", acquireTimeout("p", "m", full, 100)],
    ["maxQueueWaitMs", queueWaitExceeded("p", "m", booting, 100)],
    ["maxQueueWaitMs", queueWaitExceeded("p", "m", full, 100)],
    ["maxQueue", refusal("p", "m", booting, { _tag: "Refuse", waiterId: 1, why: "queue_full" })],
    ["maxQueue", refusal("p", "m", full, { _tag: "Refuse", waiterId: 1, why: "queue_full" })],
    [
      "timeoutMs",
      refusal("p", "m", full, { _tag: "Refuse", waiterId: 1, why: "deadline_unreachable", expectedWaitMs: 9 }),
    ],
  ])("recommends raising %s, the bound that ended the wait, and no other: %s", (bound, error) => {
    const others = ["timeoutMs", "maxQueueWaitMs", "maxQueue"].filter((other) => other !== bound);
    const advice = error.message.split("The handler did not run. ")[1]!;
    expect(advice).toMatch(new RegExp(`\\b${bound}\\b`));
    for (const other of others) expect(advice).not.toMatch(new RegExp(`\\b${other}\\b`));
  });
});
