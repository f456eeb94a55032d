import fc from "fast-check";
import { expect, it } from "vitest";
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
      if (key !== undefined) pool.step({ _tag: "Release", key });
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
      if (runner !== undefined && pool.state.supply === "fixed") {
        pool.step({ _tag: "ProbeEnded", runnerId: runner, healthy: false });
      }
      return;
  }
};

const limits = fc
  .record({ min: fc.nat(3), extra: fc.integer({ min: 1, max: 3 }), maxConcurrency: fc.integer({ min: 1, max: 3 }) })
  .map(({ min, extra, maxConcurrency }) => ({ min, max: min + extra, maxConcurrency }));

it.each(["elastic", "fixed"] as const)("an %s pool keeps its promises whatever happens, and closing it ends every waiter", (supply) => {
  fc.assert(
    fc.property(limits, fc.array(arbitraryStep, { maxLength: 120 }), (bounds, steps) => {
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
});
