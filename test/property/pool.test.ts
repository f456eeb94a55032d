import fc from "fast-check";
import { expect, it } from "vitest";
import { buffer, reactive, targetUtilization } from "../../src/contract/scaling.ts";
import { Driver } from "../parent/pool/driver.ts";

/** Things that may happen to a pool; `pick` chooses among what can. */
const happenings = [
  "acquire",
  "acquireAvoiding",
  "abandon",
  "release",
  "releaseLate",
  "bootSucceeds",
  "bootFails",
  "allowBoots",
  "lose",
  "suspect",
  "probeHealthy",
  "probeUnhealthy",
  "wait",
  "update",
  "acquireWithKey",
] as const;

const arbitraryStep = fc.record({ happening: fc.constantFrom(...happenings), pick: fc.nat(1000) });

const chosen = <A>(values: Iterable<A>, pick: number): A | undefined => {
  const all = [...values];
  return all[pick % all.length];
};

const happen = (pool: Driver, happening: (typeof happenings)[number], pick: number): void => {
  const runner = chosen(pool.state.runners.keys(), pick);
  switch (happening) {
    case "acquire":
      pool.acquire();
      return;
    case "acquireAvoiding":
      pool.acquire(runner);
      return;
    case "abandon": {
      const ticket = chosen(pool.waiting, pick);
      if (ticket !== undefined) pool.abandon(ticket);
      return;
    }
    case "release": {
      const key = chosen(pool.leases.values(), pick);
      if (key !== undefined) pool.release(key);
      return;
    }
    case "releaseLate": {
      const key = chosen(pool.returned, pick);
      if (key !== undefined) pool.step({ _tag: "Release", key, heldMs: 1 });
      return;
    }
    case "bootSucceeds": {
      const booting = chosen(pool.booting, pick);
      if (booting !== undefined) pool.bootSucceeds(booting);
      return;
    }
    case "bootFails": {
      const booting = chosen(pool.booting, pick);
      if (booting !== undefined) pool.bootFails(booting, new Error("boot"));
      return;
    }
    case "allowBoots":
      if (pool.bootsPaused) pool.allowBoots();
      return;
    case "lose":
      if (runner !== undefined && pool.state.supply === "elastic") pool.lose(runner);
      return;
    case "suspect":
      if (runner !== undefined) pool.step({ _tag: "Suspected", runnerId: runner });
      return;
    case "probeHealthy":
      if (runner !== undefined) pool.step({ _tag: "ProbeEnded", runnerId: runner, healthy: true });
      return;
    case "probeUnhealthy":
      if (runner !== undefined) pool.step({ _tag: "ProbeEnded", runnerId: runner, healthy: false });
      return;
    case "wait":
      pool.advance(pick);
      return;
    case "update":
      pool.shrunk = true;
      if (pool.state.supply === "elastic")
        pool.update({ min: pick % 2, max: 1 + (pick % 4), maxConcurrency: 1 + (pick % 3) });
      return;
    case "acquireWithKey":
      pool.acquire(undefined, `key ${pick % 5}`);
      return;
  }
};

const maybe = (least: number, most: number) => fc.oneof(fc.constant(Infinity), fc.integer({ min: least, max: most }));

const arbitraryBounds = fc
  .record({
    min: fc.nat(3),
    extra: fc.integer({ min: 1, max: 3 }),
    maxConcurrency: fc.integer({ min: 1, max: 3 }),
    routing: fc.constantFrom("spread" as const, "pack" as const),
    scaling: fc.constantFrom(reactive, buffer(2), targetUtilization(0.5)),
    maxQueue: maybe(0, 5),
    idleShutdownMs: maybe(0, 500),
    minIdleShutdownMs: maybe(0, 2_000),
    maxCalls: maybe(1, 3),
    maxAgeMs: maybe(0, 1_000),
    drainTimeoutMs: maybe(0, 1_000),
  })
  .map(({ min, extra, ...rest }) => ({ min, max: min + extra, ...rest }));

it.each(["elastic", "fixed"] as const)(
  "an %s pool keeps its promises whatever happens, and closing it ends every waiter",
  (supply) => {
    fc.assert(
      fc.property(arbitraryBounds, fc.array(arbitraryStep, { maxLength: 120 }), (bounds, steps) => {
        const fixed = supply === "fixed" ? Array.from({ length: bounds.max }, (_, i) => `s${i}`) : undefined;
        const pool = new Driver(bounds, fixed);
        for (const { happening, pick } of steps) happen(pool, happening, pick);
        pool.step({ _tag: "Close" });
        for (const key of [...pool.leases.values()]) pool.release(key);
        expect(pool.state.used).toBe(0);
        if (supply === "elastic") expect(pool.state.runners.size).toBe(0);
      }),
      { numRuns: 2_000 },
    );
  },
);
