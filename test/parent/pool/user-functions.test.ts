/** Faulty user functions for scaling and idle shutdown: the pool uses the documented fallback and reports each once. */
import { describe, expect, test } from "vitest";
import type { IdlePredicate } from "../../../src/contract/config/pool-bounds.ts";
import type { ScalingPolicy } from "../../../src/contract/config/scaling.ts";
import type { PoolCommand } from "../../../src/parent/pool/core/events.ts";
import { Driver } from "./driver.ts";

const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

const throwing = (thrown: unknown) => (): never => {
  throw thrown;
};

/** Faults of user functions, and how the pool reports them. */
const misdeeds: ReadonlyArray<readonly [what: string, run: () => unknown, said: RegExp]> = [
  ["throws", throwing(new TypeError("no idea")), /threw TypeError: no idea/],
  ["throws a string", throwing("no idea"), /threw no idea/],
  ["throws nothing", throwing(undefined), /threw nothing/],
  ["throws a revoked proxy", throwing(revoked()), /threw an object/],
  [
    "throws an unreadable error",
    throwing(Object.defineProperty(new Error("x"), "message", { get: throwing("no") })),
    /threw Error: The thrown value cannot be read/,
  ],
  ["returns nothing", () => undefined, /returned nothing/],
  ["returns null", () => null, /returned null/],
  ["returns a string", () => "3", /returned "3"/],
  ["returns NaN", () => NaN, /returned NaN/],
  ["returns a number", () => 3, /returned 3/],
  ["returns a promise", async () => ({ target: 3, reason: "async" }), /returned a promise/],
  ["returns a promise that rejects", async () => throwing(new Error("later"))(), /returned a promise/],
  ["returns a promise that never settles", () => new Promise(() => {}), /returned a promise/],
];

const misbehaved = (pool: Driver): ReadonlyArray<Extract<PoolCommand, { _tag: "Misbehaved" }>> =>
  pool.commands.filter((command) => command._tag === "Misbehaved");

/** Makes a call every 100 ms for `ms` milliseconds; all of them are served. */
const work = (pool: Driver, ms: number): void => {
  for (let i = 0; i < ms / 100; i++) {
    const waiterId = pool.acquire();
    for (const runnerId of [...pool.booting]) pool.bootSucceeds(runnerId);
    pool.advance(100);
    pool.release(pool.granted.get(waiterId)!.key);
  }
};

describe("a scaling policy that", () => {
  const targets: ReadonlyArray<readonly [what: string, run: () => unknown, said: RegExp]> = [
    ["returns {}", () => ({}), /returned no target/],
    ["returns the target NaN", () => ({ target: NaN, reason: "x" }), /returned the target NaN/],
    ["returns the target Infinity", () => ({ target: Infinity, reason: "x" }), /returned the target Infinity/],
    ["returns a target below 0", () => ({ target: -1, reason: "x" }), /returned the target -1/],
    ["returns a target as text", () => ({ target: "3", reason: "x" }), /returned the target "3"/],
    ["returns a target that is a promise", () => ({ target: Promise.reject(new Error("x")) }), /the target a promise/],
    ["returns a revoked proxy", revoked, /threw TypeError/],
    [
      "returns an unreadable target",
      () => ({
        get target() {
          return throwing("no")();
        },
      }),
      /threw no/,
    ],
  ];

  test.each([...misdeeds, ...targets])("%s falls back to reactive and is reported once", (_, run, said) => {
    const pool = new Driver({ max: 3, scaling: run as ScalingPolicy, idleShutdownMs: 1_000 });
    const [first] = [pool.acquire(), pool.acquire()];
    expect(pool.booting.size).toBe(2);
    for (const runnerId of [...pool.booting]) pool.bootSucceeds(runnerId);
    for (const { key } of pool.granted.values()) pool.release(key);
    work(pool, 3_000);
    expect(pool.granted.has(first)).toBe(true);
    expect(pool.up.size).toBe(1);
    expect(misbehaved(pool)).toEqual([{ _tag: "Misbehaved", name: "scaling", fault: expect.stringMatching(said) }]);
    expect(pool.state.scaler.decision.reason).toMatch(said);
    expect(pool.state.scaler.decision.reason).toMatch(/; reactive decides: \d calls running, \d waiting$/);
  });

  test("returns a target without a reason is followed, and the fault is reported", () => {
    const pool = new Driver({ max: 5, scaling: (() => ({ target: 2 })) as unknown as ScalingPolicy });
    expect(pool.booting.size).toBe(2);
    expect(misbehaved(pool)).toMatchObject([{ fault: expect.stringContaining("returned no reason") }]);
  });

  test("returns a fractional target is rounded up without a report", () => {
    const pool = new Driver({ max: 5, scaling: () => ({ target: 1.2, reason: "a fifth" }) });
    expect(pool.booting.size).toBe(2);
    expect(misbehaved(pool)).toEqual([]);
  });

  test("fails again after working for a minute is reported again", () => {
    let broken = true;
    const scaling: ScalingPolicy = () => {
      if (broken) throw new Error("no idea");
      return { target: 0, reason: "none" };
    };
    const pool = new Driver({ scaling });
    pool.advance(10_000);
    broken = false;
    pool.advance(61_000);
    broken = true;
    pool.advance(1_000);
    pool.advance(1_000);
    expect(misbehaved(pool)).toHaveLength(2);
  });
});

describe("an idleShutdownMs function that", () => {
  test.each([...misdeeds, ["returns {}", () => ({}), /returned an object/] as const])(
    "%s keeps its runners and is reported once",
    (_, run, said) => {
      const pool = new Driver({ max: 3, idleShutdownMs: run as IdlePredicate });
      for (let i = 0; i < 3; i++) pool.acquire();
      for (const runnerId of [...pool.booting]) pool.bootSucceeds(runnerId);
      for (const { key } of pool.granted.values()) pool.release(key);
      work(pool, 3_000);
      expect(pool.up.size).toBe(3);
      expect(misbehaved(pool)).toEqual([
        { _tag: "Misbehaved", name: "idleShutdownMs", fault: expect.stringMatching(said) },
      ]);
    },
  );
});
