/**
 * Compares the pool with its model under random events in random order. A failure prints the seed and the shortest list of
 * commands that reproduces it; `FIRELIGHT_SEED=…` repeats them.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { IdleRunner, PoolBounds } from "../../src/contract/config/pool-bounds.ts";
import { buffer, reactive, targetUtilization } from "../../src/contract/config/scaling.ts";
import type { PoolEvent } from "../../src/parent/pool/core/events.ts";
import { Driver } from "../parent/pool/driver.ts";
import { PoolModel, RealPool } from "../parent/pool/model.ts";

const seed = Number(process.env["FIRELIGHT_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
console.log(`seed ${seed} (FIRELIGHT_SEED=${seed} repeats it)`);

/** Creates an event for the current state of the model; `undefined` if it is impossible now. */
type Happening = (model: PoolModel, pick: number) => PoolEvent | undefined;

const one = <A>(values: Iterable<A>, pick: number): A | undefined => {
  const all = [...values];
  return all[pick % all.length];
};

/** Creates an event for one of these items, if there are any. */
const to =
  <A>(
    among: (model: PoolModel) => Iterable<A>,
    make: (chosen: A, model: PoolModel, pick: number) => PoolEvent,
  ): Happening =>
  (model, pick) => {
    const chosen = one(among(model), pick);
    return chosen === undefined ? undefined : make(chosen, model, pick);
  };

const preference = (model: PoolModel, avoid: string | undefined, affinityKey: string | undefined): PoolEvent => ({
  _tag: "Acquire",
  waiterId: model.nextWaiterId(),
  preference: { avoid, affinityKey },
  remainingMs: Infinity,
});

const runners = (model: PoolModel): Iterable<string> => model.up;
const elasticRunners = (model: PoolModel): Iterable<string> => (model.supply === "elastic" ? model.up : []);
const booting = (model: PoolModel): Iterable<string> => model.booting;

const happenings: Readonly<Record<string, Happening>> = {
  acquire: (model) => preference(model, undefined, undefined),
  acquireAvoiding: (model, pick) => preference(model, one(model.up, pick), undefined),
  acquireWithKey: (model, pick) => preference(model, undefined, `key ${pick % 5}`),
  abandon: to(
    (model) => model.waiting,
    (waiterId) => ({ _tag: "Abandon", waiterId }),
  ),
  release: to(
    (model) => model.leases.values(),
    (key) => ({ _tag: "Release", key, heldMs: 1 }),
  ),
  releaseLate: to(
    (model) => model.returned,
    (key) => ({ _tag: "Release", key, heldMs: 1 }),
  ),
  bootSucceeds: to(booting, (runnerId) => ({ _tag: "BootSucceeded", runnerId })),
  bootFails: to(booting, (runnerId) => ({ _tag: "BootFailed", runnerId, error: new Error(`boot of ${runnerId}`) })),
  allowBoots: (model) => (model.bootsPaused ? { _tag: "BootAllowed" } : undefined),
  lose: to(elasticRunners, (runnerId) => ({ _tag: "Lost", runnerId, reason: "crash" })),
  suspect: to(runners, (runnerId) => ({ _tag: "Suspected", runnerId })),
  refuse: to(runners, (runnerId, _model, pick) => ({ _tag: "Refused", runnerId, draining: pick % 3 > 0 })),
  silence: to(runners, (runnerId) => ({ _tag: "Silent", runnerId })),
  probeHealthy: to(runners, (runnerId, _model, pick) => ({
    _tag: "ProbeEnded",
    runnerId,
    healthy: true,
    rssBytes: pick,
  })),
  probeUnhealthy: to(runners, (runnerId) => ({ _tag: "ProbeEnded", runnerId, healthy: false })),
  wait: () => ({ _tag: "Tick" }),
  update: ({ bounds, supply }, pick) =>
    supply === "fixed"
      ? undefined
      : {
          _tag: "Update",
          bounds: { ...bounds, min: pick % 2, max: 1 + (pick % 4), maxConcurrency: 1 + (pick % 3) },
        },
};

/** An event as a command. Its text shows the event that was applied. */
class Happens implements fc.Command<PoolModel, RealPool> {
  readonly #name: string;
  readonly #pick: number;
  #event: PoolEvent | undefined;

  constructor(name: string, pick: number) {
    this.#name = name;
    this.#pick = pick;
  }

  check(model: Readonly<PoolModel>): boolean {
    this.#event = happenings[this.#name]!(model as PoolModel, this.#pick);
    return this.#event !== undefined;
  }

  run(model: PoolModel, real: RealPool): void {
    if (this.#name === "wait") real.now += this.#pick;
    model.apply(real, this.#event!);
  }

  /** Each run has its own copy, so that a failure shows the events of that run. */
  [fc.cloneMethod](): Happens {
    return new Happens(this.#name, this.#pick);
  }

  toString(): string {
    const { _tag, ...rest } = this.#event ?? { _tag: this.#name };
    return `${_tag}${_tag === "Tick" ? ` after ${this.#pick} ms` : ""} ${fc.stringify(rest)}`;
  }
}

const anyCommands = fc.commands(
  Object.keys(happenings).map((name) => fc.nat(1_000).map((pick) => new Happens(name, pick))),
  { maxCommands: 120, size: "max" },
);

/** A number or a function. */
const anyIdleShutdown = (): fc.Arbitrary<PoolBounds["idleShutdownMs"]> =>
  fc.oneof(
    { weight: 4, arbitrary: maybe(0, 500) },
    { weight: 1, arbitrary: fc.nat(500).map((ms) => (runner: IdleRunner) => runner.idleMs >= ms) },
  );

const maybe = (least: number, most: number) => fc.oneof(fc.constant(Infinity), fc.integer({ min: least, max: most }));

const anyBounds: fc.Arbitrary<PoolBounds> = fc
  .record({
    min: fc.nat(3),
    extra: fc.integer({ min: 1, max: 3 }),
    maxConcurrency: fc.integer({ min: 1, max: 3 }),
    routing: fc.constantFrom("spread" as const, "pack" as const),
    scaling: fc.constantFrom(reactive, buffer(2), targetUtilization(0.5)),
    maxQueue: maybe(0, 5),
    idleShutdownMs: anyIdleShutdown(),
    minIdleShutdownMs: maybe(0, 2_000),
    maxCalls: maybe(1, 3),
    maxAgeMs: maybe(0, 1_000),
    maxRssBytes: maybe(1, 1_000),
    drainTimeoutMs: maybe(0, 1_000),
    panicThreshold: fc.constantFrom(0, 0.3, 0.5, 1),
  })
  .map(({ min, extra, ...rest }) => ({ min, max: min + extra, ...rest }));

test.each(["elastic", "fixed"] as const)(
  "a pool (%s) agrees with its model under random events, and closing it rejects every waiter",
  (supply) => {
    fc.assert(
      fc.property(anyBounds, anyCommands, (bounds, commands) => {
        const fixed = supply === "fixed" ? Array.from({ length: bounds.max }, (_, i) => `s${i}`) : undefined;
        const model = new PoolModel(bounds, fixed);
        const real = new RealPool(bounds, fixed);
        model.apply(real, { _tag: "Tick" });
        fc.modelRun(() => ({ model, real }), commands);
        model.apply(real, { _tag: "Close" });
        for (const key of [...model.leases.values()]) model.apply(real, { _tag: "Release", key, heldMs: 1 });
        expect(real.state.used).toBe(0);
        const left = [...real.state.runners.values()].filter(({ leaving }) => !leaving);
        expect(left.map(({ id }) => id)).toEqual([]);
        const late = happenings["acquire"]!(model, 0)!;
        expect(model.apply(real, late)).toMatchObject([{ _tag: "Refuse", why: "closed" }]);
      }),
      { numRuns: 2_000, seed },
    );
  },
);

test("after a burst, a pool shrinks to the runners that a trickle of calls needs, with any routing", () => {
  const anyTrickle = fc.record({
    max: fc.integer({ min: 2, max: 8 }),
    min: fc.nat(1),
    maxConcurrency: fc.integer({ min: 1, max: 4 }),
    routing: fc.constantFrom("spread" as const, "pack" as const),
    idleShutdownMs: fc.constantFrom(1_000, ({ idleMs }: IdleRunner) => idleMs >= 1_000),
    gapMs: fc.integer({ min: 40, max: 400 }),
    atATime: fc.integer({ min: 1, max: 6 }),
  });
  fc.assert(
    fc.property(anyTrickle, ({ gapMs, atATime, ...given }) => {
      const pool = new Driver(given);
      const slots = given.max * given.maxConcurrency;
      for (let i = 0; i < slots; i++) pool.acquire();
      for (const runnerId of [...pool.booting]) pool.bootSucceeds(runnerId);
      for (const key of [...pool.leases.values()]) pool.release(key);
      expect(pool.up.size).toBe(given.max);
      const calls = Math.min(atATime, slots);
      for (let i = 0; i < calls; i++) pool.acquire();
      for (let waitedMs = 0; waitedMs < 4_000; waitedMs += gapMs) {
        pool.advance(gapMs);
        for (const key of [...pool.leases.values()]) {
          pool.release(key);
          pool.acquire();
        }
      }
      pool.advance(gapMs);
      expect(pool.refused.size).toBe(0);
      expect(pool.up.size).toBe(Math.max(given.min, Math.ceil(calls / given.maxConcurrency)));
    }),
    { numRuns: 150, seed },
  );
});
