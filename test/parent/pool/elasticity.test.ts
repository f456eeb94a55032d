import { describe, expect, test } from "vitest";
import { buffer, reactive, targetUtilization } from "../../../src/contract/config/scaling.ts";
import { Driver } from "./driver.ts";

/** A pool with `count` runners that are up and idle. */
const withRunners = (count: number, given: ConstructorParameters<typeof Driver>[0] = {}): Driver => {
  const pool = new Driver({ max: count, ...given });
  const tickets = Array.from({ length: count * pool.state.bounds.maxConcurrency }, () => pool.acquire());
  for (const runnerId of [...pool.booting]) pool.bootSucceeds(runnerId);
  expect(tickets.every((waiterId) => pool.granted.has(waiterId))).toBe(true);
  for (const key of [...pool.leases.values()]) pool.release(key);
  expect(pool.state.runners.count("ready")).toBe(count);
  return pool;
};

const runnerOf = (pool: Driver, waiterId: number): string | undefined => pool.granted.get(waiterId)?.key.runnerId;

describe("idle runners", () => {
  test("stop after idleShutdownMs, longest idle first, except for min", () => {
    const pool = withRunners(3, { min: 1, idleShutdownMs: 1_000 });
    pool.advance(900);
    const busy = pool.acquire();
    pool.release(pool.granted.get(busy)!.key);
    pool.advance(150);
    expect([...pool.state.runners.keys()]).toEqual([runnerOf(pool, busy)]);
    pool.advance(60_000);
    expect(pool.state.runners.size).toBe(1);
  });

  test("of min stop after minIdleShutdownMs, and boot again with the next call", () => {
    const pool = withRunners(2, { min: 2, idleShutdownMs: 500, minIdleShutdownMs: 5_000 });
    pool.advance(4_999);
    expect(pool.state.runners.size).toBe(2);
    pool.advance(1);
    expect(pool.state.runners.size).toBe(0);
    pool.advance(60_000);
    expect(pool.booting.size).toBe(0);
    pool.acquire();
    expect(pool.booting.size).toBe(2);
  });

  test("stop when the function idleShutdownMs returns true, and stay when it throws", () => {
    const asked: Array<number> = [];
    const pool = withRunners(2, {
      min: 1,
      idleShutdownMs: ({ idleMs, served }) => {
        asked.push(idleMs);
        if (idleMs > 900) throw new Error("not a good answer");
        return served > 0 && idleMs >= 300;
      },
    });
    pool.advance(200);
    expect(pool.state.runners.size).toBe(2);
    pool.advance(200);
    expect(pool.state.runners.size).toBe(1);
    pool.update({ min: 0 });
    pool.advance(600);
    expect(pool.state.runners.size).toBe(1);
    expect(asked.length).toBeGreaterThan(3);
  });

  test("stop under a trickle of calls, though each call resets the idle time of a different runner", () => {
    const pool = withRunners(4, { idleShutdownMs: 1_000 });
    const used = new Set<string | undefined>();
    for (let i = 0; i < 12; i++) {
      const waiterId = pool.acquire();
      used.add(runnerOf(pool, waiterId));
      pool.advance(100);
      pool.release(pool.granted.get(waiterId)!.key);
    }
    expect(used.size).toBe(4);
    expect(pool.up.size).toBe(1);
    expect(pool.commands.filter(({ _tag }) => _tag === "Scaled").at(-1)).toMatchObject({
      from: 2,
      to: 1,
      reason: expect.stringMatching(/^not needed for 1\d{3} ms: 1 was enough$/),
    });
  });

  test("stop under overlapping calls once other runners have taken over, and no call fails", () => {
    const pool = withRunners(4, { maxConcurrency: 4, idleShutdownMs: 1_000, drainTimeoutMs: 10 });
    const calls = [1, 2, 3, 4].map(() => pool.acquire());
    expect(new Set(calls.map((waiterId) => runnerOf(pool, waiterId))).size).toBe(4);
    pool.advance(900);
    expect(pool.state.runners.count("ready")).toBe(4);
    pool.advance(200);
    pool.advance(60_000);
    expect(pool.leases.size).toBe(4);
    for (const waiterId of calls) {
      pool.release(pool.granted.get(waiterId)!.key);
      pool.acquire();
    }
    pool.advance(300);
    expect(pool.up.size).toBe(1);
    expect(pool.leases.size).toBe(4);
    expect(pool.last("FailCalls")).toBeUndefined();
  });

  test("that are avoided so that they can stop are used again when the others have no free slot", () => {
    const pool = withRunners(2, { maxConcurrency: 2, idleShutdownMs: 1_000 });
    const [first, second] = [pool.acquire(), pool.acquire()];
    pool.advance(1_000);
    const spared = [...pool.state.runners.values()].filter((runner) => runner.spared).map(({ id }) => id);
    expect(spared).toEqual([runnerOf(pool, first)]);
    expect(runnerOf(pool, pool.acquire())).toBe(runnerOf(pool, second));
    expect(runnerOf(pool, pool.acquire(undefined, "a key"))).toBe(spared[0]);
    pool.advance(500);
    expect([...pool.state.runners.values()].some((runner) => runner.spared)).toBe(false);
    expect(pool.up.size).toBe(2);
  });

  test("stay as long as a burst within idleShutdownMs needed them", () => {
    const pool = withRunners(3, { idleShutdownMs: 1_000 });
    for (let i = 0; i < 5; i++) {
      const burst = [1, 2, 3].map(() => pool.acquire());
      for (const waiterId of burst) pool.release(pool.granted.get(waiterId)!.key);
      for (let j = 0; j < 9; j++) pool.advance(100);
      expect(pool.up.size).toBe(3);
    }
  });

  test("stay as long as the scaling policy targeted them within idleShutdownMs", () => {
    const pool = withRunners(4, { scaling: buffer(2), idleShutdownMs: 1_000 });
    for (let i = 0; i < 30; i++) {
      const waiterId = pool.acquire();
      pool.advance(100);
      pool.release(pool.granted.get(waiterId)!.key);
    }
    expect(pool.up.size + pool.booting.size).toBe(3);
    for (let i = 0; i < 30; i++) pool.advance(100);
    expect(pool.up.size).toBe(2);
  });

  test("above a lowered max stop, whatever the policy's target", () => {
    const pool = withRunners(3, { scaling: () => ({ target: 99, reason: "all" }), idleShutdownMs: 1_000 });
    pool.update({ max: 1 });
    pool.advance(999);
    expect(pool.up.size).toBe(3);
    pool.advance(1);
    expect(pool.up.size).toBe(1);
  });

  test("stop with the reason idle and report how long they were idle", () => {
    const pool = withRunners(1, { idleShutdownMs: 100 });
    const commands = pool.advance(150);
    expect(commands).toContainEqual({ _tag: "Terminate", runnerId: "r1", reason: "idle" });
    expect(commands).toContainEqual({ _tag: "Scaled", from: 1, to: 0, reason: "idle for 150 ms" });
  });
});

describe("a runner is replaced", () => {
  test("after maxCalls, once it has finished them", () => {
    const pool = withRunners(1, { maxCalls: 3 });
    const first = pool.acquire();
    const last = pool.acquire();
    expect(pool.granted.has(last)).toBe(false);
    pool.release(pool.granted.get(first)!.key);
    expect(runnerOf(pool, last)).toBe("r1");
    const next = pool.acquire();
    expect(pool.state.runners.get("r1")?.phase).toBe("draining");
    pool.release(pool.granted.get(last)!.key);
    pool.bootSucceeds([...pool.booting][0]!);
    expect(runnerOf(pool, next)).toBe("r2");
  });

  test("after each call when maxCalls is 1", () => {
    const pool = new Driver({ max: 1, maxCalls: 1 });
    const tickets = [pool.acquire(), pool.acquire()];
    pool.bootSucceeds("r1");
    pool.release(pool.granted.get(tickets[0]!)!.key);
    pool.bootSucceeds("r2");
    expect(tickets.map((waiterId) => runnerOf(pool, waiterId))).toEqual(["r1", "r2"]);
  });

  test("after maxAgeMs, once its running calls have finished", () => {
    const pool = withRunners(1, { max: 2, min: 1, maxAgeMs: 1_000 });
    const waiterId = pool.acquire();
    pool.advance(1_001);
    expect(pool.state.runners.get("r1")?.phase).toBe("draining");
    expect(pool.booting).toEqual(new Set(["r2"]));
    pool.release(pool.granted.get(waiterId)!.key);
    expect(pool.state.runners.has("r1")).toBe(false);
  });

  test("when its memory is above maxRssBytes", () => {
    const pool = withRunners(1, { maxRssBytes: 100 });
    pool.step({ _tag: "ProbeEnded", runnerId: "r1", healthy: true, rssBytes: 100 });
    expect(pool.state.runners.has("r1")).toBe(true);
    pool.step({ _tag: "ProbeEnded", runnerId: "r1", healthy: true, rssBytes: 101 });
    expect(pool.state.runners.has("r1")).toBe(false);
  });

  test("after drainTimeoutMs at the latest, failing its calls", () => {
    const pool = withRunners(1, { maxAgeMs: 100, drainTimeoutMs: 1_000 });
    pool.acquire();
    pool.advance(100);
    expect(pool.advance(999)).not.toContainEqual(expect.objectContaining({ _tag: "FailCalls" }));
    expect(pool.advance(1)).toContainEqual({ _tag: "FailCalls", runnerId: "r1", reason: "recycled" });
  });
});

describe("the wait queue", () => {
  test("rejects calls beyond maxQueue", () => {
    const pool = new Driver({ max: 1, maxQueue: 2 });
    const tickets = [1, 2, 3].map(() => pool.acquire());
    expect(pool.refused.get(tickets[2]!)?.why).toBe("queue_full");
    expect(pool.waiting).toEqual(tickets.slice(0, 2));
  });

  test("rejects a call on arrival when its deadline is far shorter than the expected wait", () => {
    const pool = withRunners(1);
    for (let i = 0; i < 20; i++) pool.release(pool.granted.get(pool.acquire())!.key, 100);
    pool.acquire();
    const patient = pool.acquire(undefined, undefined, 1_000);
    const hasty = pool.acquire(undefined, undefined, 10);
    expect(pool.waiting).toEqual([patient]);
    expect(pool.refused.get(hasty)).toMatchObject({ why: "deadline_unreachable" });
    expect(pool.refused.get(hasty)?.expectedWaitMs).toBeGreaterThan(100);
  });
});

describe("routing", () => {
  test('"pack" fills one runner before it uses the next', () => {
    const pool = withRunners(2, { maxConcurrency: 2, routing: "pack" });
    const [a, b, c] = [1, 2, 3].map(() => runnerOf(pool, pool.acquire()));
    expect(a).toBe(b);
    expect(c).not.toBe(a);
  });

  test("sends calls with the same affinity key to the same runner while it has a free slot", () => {
    const pool = withRunners(4, { maxConcurrency: 2 });
    const first = runnerOf(pool, pool.acquire(undefined, "tenant-7"));
    expect(runnerOf(pool, pool.acquire(undefined, "tenant-7"))).toBe(first);
    expect(runnerOf(pool, pool.acquire(undefined, "tenant-7"))).not.toBe(first);
  });

  test("reassigns only the affinity keys of a lost runner", () => {
    const pool = withRunners(4, { maxConcurrency: 100, scaling: reactive });
    const keys = Array.from({ length: 60 }, (_, i) => `key-${i}`);
    const before = new Map(keys.map((key) => [key, runnerOf(pool, pool.acquire(undefined, key))]));
    pool.lose("r2");
    for (const key of keys) {
      const now = runnerOf(pool, pool.acquire(undefined, key));
      if (before.get(key) === "r2") expect(now).not.toBe("r2");
      else expect(now).toBe(before.get(key));
    }
    expect(new Set(before.values()).size).toBe(4);
  });
});

describe("scaling policies", () => {
  const snapshot = { min: 0, max: 10, slotsPerRunner: 2, ready: 2, booting: 0, used: 3, waiting: 2 };

  test("reactive targets enough runners for running and waiting calls", () => {
    expect(reactive(snapshot)).toEqual({ target: 3, reason: "3 calls running, 2 waiting" });
  });

  test("buffer adds spare slots to that target", () => {
    expect(buffer(4)(snapshot).target).toBe(5);
  });

  test("targetUtilization targets enough runners for the given share of used slots", () => {
    expect(targetUtilization(0.5)(snapshot).target).toBe(5);
  });

  test("buffer boots its runners before the first call and keeps them from idle shutdown", () => {
    const pool = new Driver({ max: 3, scaling: buffer(2), idleShutdownMs: 10 });
    expect(pool.booting.size).toBe(2);
    for (const runnerId of [...pool.booting]) pool.bootSucceeds(runnerId);
    pool.advance(1_000);
    expect(pool.state.runners.count("ready")).toBe(2);
    pool.acquire();
    expect(pool.booting.size).toBe(1);
  });

  test("a policy's target is clamped to min and max, and its reason is kept", () => {
    const pool = new Driver({ min: 1, max: 2, scaling: () => ({ target: 99, reason: "a whim" }) });
    expect(pool.booting.size).toBe(2);
    expect(pool.state.scaler.decision).toEqual({ target: 99, reason: "a whim" });
  });
});

describe("boots that are no longer needed", () => {
  /** One runner that serves all of the calls while other runners boot for them. */
  const served = (boots: number): Driver => {
    const pool = withRunners(1, { max: boots + 1 });
    for (let i = 0; i <= boots; i++) pool.acquire();
    expect(pool.booting.size).toBe(boots);
    for (let i = 0; i <= boots; i++) pool.release([...pool.leases.values()][0]!);
    expect(pool.granted.size).toBe(boots + 2);
    return pool;
  };

  test("are canceled after 250 ms and do not count as failures", () => {
    const pool = served(3);
    expect(pool.last("ScheduleTick")).toEqual({ _tag: "ScheduleTick", afterMs: 250 });
    pool.advance(249);
    expect(pool.booting.size).toBe(3);
    const commands = pool.advance(1);
    expect(commands.filter(({ _tag }) => _tag === "CancelBoot")).toHaveLength(3);
    expect(commands.at(-1)).toEqual({ _tag: "Scaled", from: 4, to: 1, reason: "3 boots are no longer needed" });
    expect([pool.booting.size, pool.bootsPaused]).toEqual([0, false]);
  });

  test("are canceled when the waiting calls have been abandoned", () => {
    const pool = new Driver({ max: 2 });
    const tickets = [pool.acquire(), pool.acquire()];
    pool.abandon(tickets[0]!);
    pool.advance(250);
    expect(pool.booting.size).toBe(1);
    pool.abandon(tickets[1]!);
    pool.advance(250);
    expect(pool.booting.size).toBe(0);
  });

  test("are canceled newest first, but not below what min, the buffer or waiting calls need", () => {
    const pool = new Driver({ min: 2, max: 4 });
    pool.bootSucceeds("r1");
    for (let i = 0; i < 4; i++) pool.acquire();
    for (let i = 0; i < 4; i++) pool.release([...pool.leases.values()][0]!);
    expect([...pool.booting]).toEqual(["r2", "r3", "r4"]);
    pool.advance(10_000);
    expect([...pool.booting]).toEqual(["r2"]);
    pool.update({ scaling: buffer(3) });
    expect(pool.booting.size).toBe(2);
    const waiting = [1, 2].map(() => pool.acquire());
    pool.update({ scaling: reactive, min: 0 });
    pool.advance(10_000);
    expect(pool.booting.size).toBe(1);
    expect(pool.waiting).toEqual(waiting.slice(1));
  });

  test("continue when they are needed again within 250 ms", () => {
    const pool = served(1);
    pool.advance(200);
    const [, waiting] = [pool.acquire(), pool.acquire()];
    pool.advance(1_000);
    pool.bootSucceeds("r2");
    expect(runnerOf(pool, waiting)).toBe("r2");
  });

  test("get more time with each repeated burst, until they complete instead of being canceled again", () => {
    const pool = withRunners(1, { max: 2 });
    const canceled = () => pool.commands.filter(({ _tag }) => _tag === "CancelBoot").length;
    const bootMs = 1_500;
    let ageMs = 0;
    for (let burst = 0; burst < 20 && pool.up.size < 2; burst++) {
      for (const waiterId of [pool.acquire(), pool.acquire()]) pool.release(pool.granted.get(waiterId)!.key);
      for (let ms = 0; ms < 2_000; ms += 50) {
        pool.advance(50);
        ageMs = pool.booting.size === 0 ? 0 : ageMs + 50;
        if (ageMs >= bootMs) pool.bootSucceeds([...pool.booting][0]!);
      }
    }
    expect(pool.up.size).toBe(2);
    expect(canceled()).toBeLessThanOrEqual(3);
  });

  test("are kept while they are expected to complete soon, and canceled when long overdue", () => {
    const slow = () => {
      const pool = new Driver({ max: 2 });
      pool.acquire();
      pool.advance(1_000);
      pool.bootSucceeds("r1");
      pool.acquire();
      pool.advance(700);
      for (const key of [...pool.leases.values()]) pool.release(key);
      return pool;
    };
    const pool = slow();
    pool.release([...pool.leases.values()][0]!);
    pool.advance(250);
    expect(pool.booting.size).toBe(1);
    pool.bootSucceeds("r2");
    expect(pool.up.size).toBe(2);
    const late = slow();
    late.release([...late.leases.values()][0]!);
    late.advance(799);
    expect(late.booting.size).toBe(1);
    late.advance(1);
    expect(late.booting.size).toBe(0);
  });
});

describe("an update of the bounds", () => {
  test("boots runners for waiting calls when max rises", () => {
    const pool = new Driver({ max: 1 });
    for (let i = 0; i < 3; i++) pool.acquire();
    expect(pool.booting.size).toBe(1);
    pool.update({ max: 3 });
    expect(pool.booting.size).toBe(3);
  });

  test("grants waiting calls slots immediately when maxConcurrency rises", () => {
    const pool = withRunners(1);
    const tickets = [pool.acquire(), pool.acquire()];
    pool.update({ maxConcurrency: 2 });
    expect(tickets.every((waiterId) => pool.granted.has(waiterId))).toBe(true);
  });
});

describe("a runner that fails its health probes", () => {
  test("is ejected but not terminated while it has calls, and is ready again when it passes a probe", () => {
    const pool = withRunners(2);
    const waiterId = pool.acquire();
    const silent = runnerOf(pool, waiterId)!;
    pool.step({ _tag: "ProbeEnded", runnerId: silent, healthy: false });
    pool.step({ _tag: "ProbeEnded", runnerId: silent, healthy: false });
    expect(pool.state.runners.get(silent)?.phase).toBe("ejected");
    expect(runnerOf(pool, pool.acquire())).not.toBe(silent);
    pool.step({ _tag: "ProbeEnded", runnerId: silent, healthy: true });
    expect(pool.state.runners.get(silent)?.phase).toBe("ready");
  });

  test("is replaced when it has no calls", () => {
    const pool = withRunners(1, { min: 1 });
    pool.step({ _tag: "ProbeEnded", runnerId: "r1", healthy: false });
    pool.step({ _tag: "ProbeEnded", runnerId: "r1", healthy: false });
    expect(pool.state.runners.has("r1")).toBe(false);
    expect(pool.booting.size).toBe(1);
  });
});
