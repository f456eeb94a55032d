/** Checks of everything that a runner expects from an idempotency store, for any test runner. */
import assert from "node:assert/strict";
import { fn } from "../contract/validation/option-checks.ts";
import { readOption } from "../contract/validation/option-schema.ts";
import type { IdempotencyClaim, IdempotencyState, IdempotencyStore } from "../contract/config/idempotency.ts";

/** One check of a store. */
export interface StoreCheck {
  /** What is checked. */
  readonly name: string;
  /** Resolves if the store passes, otherwise rejects with an `AssertionError`. */
  run(): Promise<void>;
}

const longMs = 60_000;
/** A lease or TTL that a check waits out. */
const shortMs = 150;
/** Maximum time for an expected event. */
const flushAfterMs = 10_000;

const storeMaker = fn("a function that returns a store");

let claims = 0;
const unique = (): string => `${process.pid}-${Date.now().toString(36)}-${(claims++).toString(36)}`;

const print = (text: string): string => text.padEnd(43, "0").slice(0, 43);

/** Creates a claim on a unique key; `change` overrides fields. */
const makeClaim = (change: Partial<IdempotencyClaim> = {}): IdempotencyClaim => ({
  key: `shop/charge order ${unique()} {a}:b/c.d~"e" %2F *`,
  fingerprint: print("one"),
  owner: unique().padEnd(22, "_").slice(0, 22),
  ...change,
});

const rival = ({ key, fingerprint }: IdempotencyClaim, change: Partial<IdempotencyClaim> = {}): IdempotencyClaim =>
  makeClaim({ key, fingerprint, ...change });

const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
  const endsAt = performance.now() + flushAfterMs;
  while (!(await holds())) {
    assert.ok(performance.now() < endsAt, `${what} did not happen within ${flushAfterMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

/**
 * The checks of an idempotency store.
 *
 * @param makeStore creates a store for each check. The stores may share their data, as on several runners, because
 * every check uses its own keys
 * @throws {ConfigError} if `makeStore` is not a function.
 *
 * @example
 * ```ts
 * import { test } from "node:test";
 * for (const { name, run } of idempotencyStoreConformance(() => myStore)) test(name, run);
 * ```
 */
export const idempotencyStoreConformance = (
  makeStore: () => IdempotencyStore | Promise<IdempotencyStore>,
): ReadonlyArray<StoreCheck> => {
  readOption(storeMaker, makeStore, "idempotencyStoreConformance", "makeStore");
  const check = (name: string, body: (store: IdempotencyStore) => Promise<void>): StoreCheck => ({
    name,
    run: async () => body(await makeStore()),
  });
  const begins = async (store: IdempotencyStore, claim: IdempotencyClaim, state: IdempotencyState): Promise<void> =>
    assert.deepEqual(await store.begin(claim, longMs), state);

  return [
    check("a new key is started, and running for all others", async (store) => {
      const claim = makeClaim();
      await begins(store, claim, { state: "started" });
      await begins(store, rival(claim), { state: "running" });
    }),
    check("of many concurrent claims exactly one is started", async (store) => {
      for (let round = 0; round < 20; round++) {
        const { key } = makeClaim();
        const states = await Promise.all(
          Array.from({ length: 10 }, async () => (await store.begin(makeClaim({ key }), longMs)).state),
        );
        assert.deepEqual(states.toSorted(), [...Array.from({ length: 9 }, () => "running"), "started"]);
      }
    }),
    check("a completed key returns its exact reply", async (store) => {
      const replies = [
        "",
        "ok\n{}",
        'ok\n{"json":"\\u0000 é 日本 🔥 \\n\\r\\t\' \\\\ $1 %s"}\r\n ',
        `ok\n"${"x".repeat(300_000)}"`,
      ];
      for (const reply of replies) {
        const claim = makeClaim();
        await store.begin(claim, longMs);
        await store.complete(claim, reply, longMs);
        await begins(store, rival(claim), { state: "done", reply });
        await begins(store, rival(claim), { state: "done", reply });
      }
    }),
    check("another fingerprint is a conflict, while the key is running and when it is done", async (store) => {
      const claim = makeClaim();
      const other = rival(claim, { fingerprint: print("other") });
      await store.begin(claim, longMs);
      await begins(store, other, { state: "conflict" });
      await store.complete(claim, "ok\n1", longMs);
      await begins(store, other, { state: "conflict" });
      await begins(store, rival(claim), { state: "done", reply: "ok\n1" });
    }),
    check("keys are independent of each other", async (store) => {
      const [one, two] = [makeClaim(), makeClaim()];
      await store.begin(one, longMs);
      await begins(store, two, { state: "started" });
      await store.complete(one, "ok\n1", longMs);
      await begins(store, rival(two), { state: "running" });
    }),
    check("an abandoned key is free, also for other arguments", async (store) => {
      const claim = makeClaim();
      await store.begin(claim, longMs);
      await store.abandon(claim);
      await begins(store, rival(claim, { fingerprint: print("other") }), { state: "started" });
    }),
    check("a claim cannot abandon, complete or renew another claim's key", async (store) => {
      const claim = makeClaim();
      const other = rival(claim);
      await store.begin(claim, longMs);
      await store.abandon(other);
      await begins(store, rival(claim), { state: "running" });
      await store.complete(other, "ok\nfalse", longMs);
      await begins(store, rival(claim), { state: "running" });
      await store.renew(other, 1);
      await new Promise((resolve) => setTimeout(resolve, 20));
      await begins(store, rival(claim), { state: "running" });
    }),
    check("a completed key stays completed", async (store) => {
      const claim = makeClaim();
      await store.begin(claim, longMs);
      await store.complete(claim, "ok\nfirst", longMs);
      await store.renew(claim, 1);
      await store.abandon(claim);
      await store.complete(rival(claim), "ok\nsecond", longMs);
      await new Promise((resolve) => setTimeout(resolve, 20));
      await begins(store, rival(claim), { state: "done", reply: "ok\nfirst" });
    }),
    check("a lease that is not renewed expires, and exactly one claim takes over", async (store) => {
      const claim = makeClaim();
      assert.equal((await store.begin(claim, shortMs)).state, "started");
      let started = 0;
      await until("the end of a lease", async () => {
        const states = await Promise.all(Array.from({ length: 5 }, async () => store.begin(rival(claim), longMs)));
        started += states.filter(({ state }) => state === "started").length;
        return started > 0;
      });
      assert.equal(started, 1);
    }),
    check("a renewed lease does not expire", async (store) => {
      const claim = makeClaim();
      await store.begin(claim, 1_000);
      await store.renew(claim, longMs);
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      await begins(store, rival(claim), { state: "running" });
    }),
    check("renewing does not restore an abandoned key", async (store) => {
      const claim = makeClaim();
      await store.begin(claim, longMs);
      await store.abandon(claim);
      await store.renew(claim, longMs);
      await begins(store, rival(claim), { state: "started" });
    }),
    check("a result that arrives after its lease is kept, unless another claim has the key", async (store) => {
      const [free, taken] = [makeClaim(), makeClaim()];
      const successor = rival(taken);
      await store.begin(free, shortMs);
      await store.begin(taken, shortMs);
      await until("the end of a lease", async () => (await store.begin(successor, longMs)).state === "started");
      await store.complete(free, "ok\nlate", longMs);
      await begins(store, rival(free), { state: "done", reply: "ok\nlate" });
      await store.complete(taken, "ok\nlate", longMs);
      await begins(store, rival(taken), { state: "running" });
      await store.complete(successor, "ok\nnew", longMs);
      await begins(store, rival(taken), { state: "done", reply: "ok\nnew" });
    }),
    check("a result expires after its TTL", async (store) => {
      const claim = makeClaim();
      await store.begin(claim, longMs);
      await store.complete(claim, "ok\n1", shortMs);
      await begins(store, rival(claim), { state: "done", reply: "ok\n1" });
      await until("forgetting", async () => {
        const { state } = await store.begin(rival(claim, { fingerprint: print("other") }), longMs);
        return state === "started";
      });
    }),
  ];
};
