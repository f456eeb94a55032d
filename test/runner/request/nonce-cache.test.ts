import { describe, expect, test } from "vitest";
import { makeNonceCache } from "../../../src/runner/request/nonce-cache.ts";

describe("the nonce cache", () => {
  test("accepts a nonce once, and reports a repetition as a replay", () => {
    const memory = makeNonceCache({ windowMs: 1_000, capacity: 10 });
    expect(memory.use("a", 0, 0)).toBe("fresh");
    expect(memory.use("a", 0, 0)).toBe("replay");
    expect(memory.use("b", 0, 0)).toBe("fresh");
  });

  test("keeps a nonce for as long as any clock in the window would accept it", () => {
    const memory = makeNonceCache({ windowMs: 1_000, capacity: 10 });
    memory.use("from the future", 1_000, 0);
    for (let now = 100; now <= 2_000; now += 100) {
      memory.use(`at ${now}`, now, now);
      expect(memory.use("from the future", 1_000, now)).toBe("replay");
    }
  });

  test("evicts expired nonces, so that its size stays bounded", () => {
    const memory = makeNonceCache({ windowMs: 1_000, capacity: 1_000 });
    for (let now = 0; now < 100_000; now += 100) expect(memory.use(`n${now}`, now, now)).toBe("fresh");
    expect(memory.size).toBeLessThanOrEqual(31);
  });

  test("rejects new nonces when full, without evicting old ones", () => {
    const memory = makeNonceCache({ windowMs: 1_000, capacity: 2 });
    memory.use("a", 0, 0);
    memory.use("b", 0, 0);
    expect(memory.use("c", 0, 0)).toBe("full");
    expect(memory.use("a", 0, 0)).toBe("replay");
    expect(memory.use("c", 10_000, 10_000)).toBe("fresh");
  });

  test("rejects an evicted nonce as stale after the clock was set back", () => {
    const memory = makeNonceCache({ windowMs: 1_000, capacity: 10 });
    memory.use("a", 500, 500);
    memory.use("b", 60_000, 60_000);
    expect(memory.use("a", 500, 600)).toBe("stale");
  });

  test("recall checks a nonce without storing it", () => {
    const memory = makeNonceCache({ windowMs: 1_000, capacity: 10 });
    expect(memory.recall("a", 500)).toBe("fresh");
    expect(memory.size).toBe(0);
    memory.use("a", 500, 500);
    expect(memory.recall("a", 500)).toBe("replay");
    memory.use("b", 60_000, 60_000);
    expect(memory.recall("c", 500)).toBe("stale");
  });
});
