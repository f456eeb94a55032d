import { describe, expect, test } from "vitest";
import type { IdempotencyClaim } from "../../../src/contract/config/idempotency.ts";
import { makeMemoryStore } from "../../../src/runner/idempotency/memory.ts";
import { idempotencyStoreConformance } from "../../../src/testing/idempotency-store.ts";

describe("the memory store, as any idempotency store,", () => {
  const store = makeMemoryStore({ maxEntries: 1_000, maxBytes: 10_000_000 });
  for (const { name, run } of idempotencyStoreConformance(() => store)) test(name, run);
});

describe("the memory store", () => {
  const claim = (key: string): IdempotencyClaim => ({ key, fingerprint: "f", owner: key });

  const fill = (bounds: { maxEntries: number; maxBytes: number }, replies: ReadonlyArray<string>) => {
    const clock = { now: 0, forgotten: 0 };
    const store = makeMemoryStore({ ...bounds, now: () => clock.now, onEvicted: () => clock.forgotten++ });
    replies.forEach((reply, index) => {
      store.begin(claim(`k${index}`), 1_000);
      void store.complete(claim(`k${index}`), reply, 1_000);
    });
    const states = () => replies.map((_, index) => store.begin(claim(`k${index}`), 1).state);
    return { store, clock, states };
  };

  test("evicts the oldest result for a new one and reports the eviction", () => {
    const { store, clock, states } = fill({ maxEntries: 2, maxBytes: 1_000 }, ["a", "b", "c"]);
    expect([store.size, clock.forgotten]).toEqual([2, 1]);
    expect(states()).toEqual(["started", "done", "done"]);
  });

  test("counts the bytes of keys and results, not their characters", () => {
    const { store, clock } = fill({ maxEntries: 100, maxBytes: 30 }, ["日本日本", "日本日本", "日本日本"]);
    expect([store.size, store.bytes, clock.forgotten]).toEqual([2, 28, 1]);
  });

  test("removes expired results without reporting an eviction", () => {
    const { store, clock, states } = fill({ maxEntries: 3, maxBytes: 1_000 }, ["a", "b", "c"]);
    clock.now = 1_000;
    store.begin(claim("other"), 1_000);
    expect([store.size, store.bytes, clock.forgotten]).toEqual([0, 0, 0]);
    expect(states()).toEqual(["started", "started", "started"]);
  });

  test("never evicts running claims", () => {
    const store = makeMemoryStore({ maxEntries: 1, maxBytes: 1 });
    for (let index = 0; index < 10; index++) store.begin(claim(`k${index}`), 1_000);
    for (let index = 0; index < 10; index++) {
      expect(store.begin({ ...claim(`k${index}`), owner: "other" }, 1_000).state).toBe("running");
    }
  });
});
