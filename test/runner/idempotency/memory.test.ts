import { describe, expect, test } from "vitest";
import type { IdempotencyClaim } from "../../../src/contract/config/idempotency.ts";
import { makeMemoryStore } from "../../../src/runner/idempotency/memory.ts";
import { idempotencyStoreConformance } from "../../../src/testing/idempotency-store.ts";

describe("the memory, as any store:", () => {
  const store = makeMemoryStore({ maxEntries: 1_000, maxBytes: 10_000_000 });
  for (const { name, run } of idempotencyStoreConformance(() => store)) test(name, run);
});

describe("the bounded memory", () => {
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

  test("forgets the oldest result for the newest, and says so", () => {
    const { store, clock, states } = fill({ maxEntries: 2, maxBytes: 1_000 }, ["a", "b", "c"]);
    expect([store.size, clock.forgotten]).toEqual([2, 1]);
    expect(states()).toEqual(["started", "done", "done"]);
  });

  test("counts bytes of keys and results, not characters", () => {
    const { store, clock } = fill({ maxEntries: 100, maxBytes: 30 }, ["日本日本", "日本日本", "日本日本"]);
    expect([store.size, store.bytes, clock.forgotten]).toEqual([2, 28, 1]);
  });

  test("lets go of what has had its time without counting it as forgotten", () => {
    const { store, clock, states } = fill({ maxEntries: 3, maxBytes: 1_000 }, ["a", "b", "c"]);
    clock.now = 1_000;
    store.begin(claim("other"), 1_000);
    expect([store.size, store.bytes, clock.forgotten]).toEqual([0, 0, 0]);
    expect(states()).toEqual(["started", "started", "started"]);
  });

  test("never forgets what is running", () => {
    const store = makeMemoryStore({ maxEntries: 1, maxBytes: 1 });
    for (let index = 0; index < 10; index++) store.begin(claim(`k${index}`), 1_000);
    for (let index = 0; index < 10; index++) {
      expect(store.begin({ ...claim(`k${index}`), owner: "other" }, 1_000).state).toBe("running");
    }
  });
});
