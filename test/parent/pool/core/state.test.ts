import { describe, expect, test } from "vitest";
import { Driver } from "../driver.ts";

const elastic = (given: ConstructorParameters<typeof Driver>[0] = {}) => new Driver(given);

const only = <A>(values: Iterable<A>): A => {
  const all = [...values];
  expect(all).toHaveLength(1);
  return all[0]!;
};

describe("an elastic pool", () => {
  test("boots a runner for a call that finds none, and grants it as cold", () => {
    const pool = elastic();
    const waiterId = pool.acquire();
    const runnerId = only(pool.booting);
    expect(pool.waiting).toEqual([waiterId]);
    pool.bootSucceeds(runnerId);
    expect(pool.granted.get(waiterId)).toMatchObject({ source: "cold", key: { runnerId } });
  });

  test("grants every slot of a booted runner as cold: all of its first calls waited for the boot", () => {
    const pool = elastic({ max: 1, maxConcurrency: 2 });
    const [first, second, third] = [pool.acquire(), pool.acquire(), pool.acquire()];
    pool.bootSucceeds(only(pool.booting));
    pool.release([...pool.leases.values()][0]!);
    expect([first, second, third].map((waiterId) => pool.granted.get(waiterId)?.source)).toEqual([
      "cold",
      "cold",
      "queued",
    ]);
  });

  test("grants a free slot at once, as warm", () => {
    const pool = elastic();
    pool.acquire();
    pool.bootSucceeds(only(pool.booting));
    pool.release(only(pool.leases.values()));
    expect(pool.granted.get(pool.acquire())?.source).toBe("warm");
  });

  test("serves waiting calls first come first served", () => {
    const pool = elastic({ max: 1 });
    const tickets = [pool.acquire(), pool.acquire(), pool.acquire()];
    pool.bootSucceeds(only(pool.booting));
    pool.release(only(pool.leases.values()));
    pool.release(only(pool.leases.values()));
    expect([...pool.granted.keys()]).toEqual(tickets);
    expect(pool.granted.get(tickets[1]!)?.source).toBe("queued");
  });

  test("boots no more than max, however many calls wait", () => {
    const pool = elastic({ max: 3 });
    for (let i = 0; i < 10; i++) pool.acquire();
    expect(pool.booting.size).toBe(3);
  });

  test("counts the slots of a booting runner before it boots another", () => {
    const pool = elastic({ max: 4, maxConcurrency: 2 });
    for (let i = 0; i < 3; i++) pool.acquire();
    expect(pool.booting.size).toBe(2);
  });

  test("starts min runners, and replaces one that is lost", () => {
    const pool = elastic({ min: 2, max: 3 });
    const [first, second] = [...pool.booting];
    pool.bootSucceeds(first!);
    pool.bootSucceeds(second!);
    pool.acquire();
    const { runnerId } = only(pool.leases.values());
    pool.lose(runnerId);
    expect(pool.booting.size).toBe(1);
  });

  test("hands a failed boot to everybody who waited for it, with its cause", () => {
    const pool = elastic();
    const tickets = [pool.acquire(), pool.acquire()];
    const cause = new Error("no such image");
    const [first, second] = [...pool.booting];
    pool.bootFails(first!, cause);
    expect(pool.refused.size).toBe(0);
    pool.bootFails(second!, cause);
    for (const waiterId of tickets)
      expect(pool.refused.get(waiterId)).toMatchObject({ why: "boot_failed", error: cause });
  });

  test("pauses boots after a failed one, longer each time, and boots for whoever came meanwhile", () => {
    const pool = elastic({ max: 1 });
    pool.acquire();
    const failing = only(pool.booting);
    pool.waiting.splice(0);
    pool.state.waiters.drain();
    expect(pool.step({ _tag: "BootFailed", runnerId: failing, error: "x" })).toContainEqual({
      _tag: "AllowBootLater",
      failures: 1,
    });
    const again = new Driver({ min: 0, max: 1, maxConcurrency: 1 });
    again.acquire();
    again.bootFails(only(again.booting), "x");
    again.acquire();
    expect(again.booting.size).toBe(0);
    again.allowBoots();
    expect(again.booting.size).toBe(1);
  });

  test("pauses boots when a runner dies before it served anything", () => {
    const pool = elastic({ min: 1 });
    const runnerId = only(pool.booting);
    pool.bootSucceeds(runnerId);
    pool.lose(runnerId);
    expect(pool.bootsPaused).toBe(true);
    expect(pool.booting.size).toBe(0);
  });

  test("frees the slots of a lost runner and ignores leases that come back late", () => {
    const pool = elastic({ max: 1 });
    pool.acquire();
    pool.bootSucceeds(only(pool.booting));
    const key = only(pool.leases.values());
    const waitingCall = pool.acquire();
    pool.lose(key.runnerId);
    expect(pool.state.used).toBe(0);
    pool.step({ _tag: "Release", key, heldMs: 1 });
    const next = only(pool.booting);
    pool.bootSucceeds(next);
    expect(pool.granted.get(waitingCall)?.key.runnerId).toBe(next);
    pool.step({ _tag: "Release", key, heldMs: 1 });
    expect(pool.state.used).toBe(1);
  });

  test("gives a lost runner's calls up at once", () => {
    const pool = elastic();
    pool.acquire();
    pool.bootSucceeds(only(pool.booting));
    const { runnerId } = only(pool.leases.values());
    expect(pool.step({ _tag: "Lost", runnerId, reason: "crash" })).toContainEqual({
      _tag: "FailCalls",
      runnerId,
      reason: "crash",
    });
  });

  test("ends a runner that fails its probe and keeps one that passes", () => {
    const pool = elastic();
    pool.acquire();
    pool.bootSucceeds(only(pool.booting));
    const { runnerId } = only(pool.leases.values());
    pool.step({ _tag: "Suspected", runnerId });
    pool.step({ _tag: "ProbeEnded", runnerId, healthy: true });
    expect(pool.state.runners.get(runnerId)?.phase).toBe("ready");
    pool.step({ _tag: "Suspected", runnerId });
    pool.release(only(pool.leases.values()));
    pool.step({ _tag: "ProbeEnded", runnerId, healthy: false });
    expect(pool.state.runners.has(runnerId)).toBe(false);
  });

  describe("with a runner that says that it stops", () => {
    const leaving = (given: ConstructorParameters<typeof Driver>[0] = {}) => {
      const pool = elastic({ max: 2, maxConcurrency: 2, ...given });
      pool.acquire();
      pool.bootSucceeds(only(pool.booting));
      const key = only(pool.leases.values());
      const commands = pool.step({ _tag: "Refused", runnerId: key.runnerId, draining: true });
      return { pool, key, runnerId: key.runnerId, commands };
    };

    test("gives it no more work and waits for its end", () => {
      const { pool, runnerId, commands } = leaving();
      expect(commands).toEqual([
        { _tag: "Draining", runnerId, reason: "drain" },
        { _tag: "AwaitEnd", runnerId },
      ]);
      const waiterId = pool.acquire();
      expect(pool.granted.has(waiterId)).toBe(false);
      pool.bootSucceeds(only(pool.booting));
      expect(pool.granted.get(waiterId)?.key.runnerId).not.toBe(runnerId);
    });

    test("does not count it for growth: min is restored at once", () => {
      expect(leaving({ min: 1 }).pool.booting.size).toBe(1);
    });

    test("hears it once, and does not hurry it when its last call is done", () => {
      const { pool, key, runnerId } = leaving();
      expect(pool.step({ _tag: "Refused", runnerId, draining: true })).toEqual([]);
      pool.release(key);
      expect(pool.state.runners.get(runnerId)?.phase).toBe("draining");
    });

    test("counts its end as a drain, and an end in the middle of a call as a crash", () => {
      const orderly = leaving();
      orderly.pool.release(orderly.key);
      orderly.pool.lose(orderly.runnerId);
      expect(orderly.pool.last("Terminate")).toMatchObject({ reason: "drain" });
      const abrupt = leaving();
      abrupt.pool.lose(abrupt.runnerId);
      expect(abrupt.pool.last("Terminate")).toMatchObject({ reason: "crash" });
    });

    test("takes silence for its end when it has no calls, and else asks again", () => {
      const { pool, key, runnerId } = leaving();
      expect(pool.step({ _tag: "Silent", runnerId })).toEqual([{ _tag: "AwaitEnd", runnerId }]);
      pool.release(key);
      pool.step({ _tag: "Silent", runnerId });
      expect(pool.state.runners.has(runnerId)).toBe(false);
    });

    test("ends it when drainTimeoutMs is over", () => {
      const { pool, runnerId } = leaving({ drainTimeoutMs: 1_000 });
      pool.advance(1_000);
      expect(pool.last("FailCalls")).toEqual({ _tag: "FailCalls", runnerId, reason: "drain" });
      expect(pool.state.runners.has(runnerId)).toBe(false);
    });

    test("lets one that it has recycled anyway end by itself too", () => {
      const { pool, key, runnerId } = leaving({ maxCalls: 1 });
      pool.release(key);
      expect(pool.state.runners.has(runnerId)).toBe(true);
    });
  });

  test("keeps a runner that refuses and does not stop", () => {
    const pool = elastic();
    pool.acquire();
    pool.bootSucceeds(only(pool.booting));
    const { runnerId } = only(pool.leases.values());
    expect(pool.step({ _tag: "Refused", runnerId, draining: false })).toEqual([]);
    expect(pool.state.runners.get(runnerId)?.phase).toBe("ready");
  });

  test("refuses whoever waits when it closes, and ends busy runners when their work is done", () => {
    const pool = elastic({ max: 1 });
    pool.acquire();
    pool.bootSucceeds(only(pool.booting));
    const waitingCall = pool.acquire();
    pool.step({ _tag: "Close" });
    expect(pool.refused.get(waitingCall)?.why).toBe("closed");
    const key = only(pool.leases.values());
    pool.leases.delete(key.lease);
    expect(pool.step({ _tag: "Release", key, heldMs: 1 })).toContainEqual({
      _tag: "Terminate",
      runnerId: key.runnerId,
      reason: "drain",
    });
    expect(pool.refused.get(pool.acquire())?.why).toBe("closed");
  });

  test("tells once that it is saturated, and again only after it had room", () => {
    const pool = elastic({ max: 1 });
    let saturations = 0;
    const step = pool.state.step.bind(pool.state);
    pool.state.step = (event, now) => {
      const commands = step(event, now);
      saturations += commands.filter((command) => command._tag === "Saturated").length;
      return commands;
    };
    pool.acquire();
    pool.bootSucceeds(only(pool.booting));
    const first = pool.acquire();
    pool.acquire();
    expect(saturations).toBe(1);
    for (const waiterId of [...pool.waiting]) pool.abandon(waiterId);
    pool.abandon(pool.acquire());
    expect([first > 0, saturations]).toEqual([true, 1]);
    pool.release(only(pool.leases.values()));
    pool.acquire();
    pool.acquire();
    expect(saturations).toBe(2);
  });
});

describe("a pool of fixed runners", () => {
  const fixed = (ids: ReadonlyArray<string>, maxConcurrency = 2) =>
    new Driver({ min: 0, max: ids.length, maxConcurrency }, ids);

  test("chooses the least loaded runner, and among equals the least recently used", () => {
    const pool = fixed(["a", "b", "c"]);
    const chosen = Array.from({ length: 6 }, () => pool.granted.get(pool.acquire())!.key.runnerId);
    expect(chosen).toEqual(["a", "b", "c", "a", "b", "c"]);
  });

  test("avoids the runner that failed before, if there is another", () => {
    const pool = fixed(["a", "b"]);
    for (let i = 0; i < 2; i++) expect(pool.granted.get(pool.acquire("a"))?.key.runnerId).toBe("b");
    expect(pool.granted.get(pool.acquire("a"))?.key.runnerId).toBe("a");
  });

  test("gives no work to a runner that does not answer while another does", () => {
    const pool = fixed(["a", "b"]);
    pool.step({ _tag: "Suspected", runnerId: "a" });
    pool.step({ _tag: "ProbeEnded", runnerId: "a", healthy: false });
    for (let i = 0; i < 2; i++) expect(pool.granted.get(pool.acquire())?.key.runnerId).toBe("b");
    const waitingCall = pool.acquire();
    expect(pool.waiting).toEqual([waitingCall]);
    pool.step({ _tag: "ProbeEnded", runnerId: "a", healthy: true });
    expect(pool.granted.get(waitingCall)?.key.runnerId).toBe("a");
  });

  test("gives no work to a runner that says that it stops, until its successor answers", () => {
    const pool = fixed(["a", "b"]);
    expect(pool.step({ _tag: "Refused", runnerId: "a", draining: true })).toContainEqual({
      _tag: "Probe",
      runnerId: "a",
      afterFailures: 0,
    });
    for (let i = 0; i < 2; i++) expect(pool.granted.get(pool.acquire())?.key.runnerId).toBe("b");
    pool.step({ _tag: "ProbeEnded", runnerId: "a", healthy: true });
    expect(pool.granted.get(pool.acquire())?.key.runnerId).toBe("a");
  });

  test("tries runners that do not answer when none does", () => {
    const pool = fixed(["a"]);
    pool.step({ _tag: "Suspected", runnerId: "a" });
    expect(pool.granted.get(pool.acquire())?.key.runnerId).toBe("a");
  });

  describe("in which most do not answer", () => {
    const ids = ["a", "b", "c", "d", "e", "f"];
    const silent = (count: number, panicThreshold: number) => {
      const pool = new Driver({ max: ids.length, panicThreshold }, ids);
      for (const runnerId of ids.slice(0, count)) {
        pool.step({ _tag: "Suspected", runnerId });
        pool.step({ _tag: "ProbeEnded", runnerId, healthy: false });
      }
      return pool;
    };
    const chosenBy = (pool: Driver, calls: number) =>
      Array.from({ length: calls }, () => pool.granted.get(pool.acquire())?.key.runnerId);

    test("gives calls that find no slot elsewhere to those too: the probes may be wrong", () => {
      expect(chosenBy(silent(4, 0.5), 4)).toEqual(["e", "f", "a", "b"]);
    });

    test("lets calls wait when as many answer as panicThreshold says", () => {
      expect(chosenBy(silent(3, 0.5), 4)).toEqual(["d", "e", "f", undefined]);
    });

    test("lets calls wait with a panicThreshold of 0 as long as one answers", () => {
      expect(chosenBy(silent(5, 0), 2)).toEqual(["f", undefined]);
      expect(chosenBy(silent(6, 0), 2)).toEqual(["a", "b"]);
    });

    test("gives waiting calls to those as soon as there are too few others", () => {
      const pool = silent(3, 0.5);
      const waitingCall = (chosenBy(pool, 3), pool.acquire());
      pool.step({ _tag: "Suspected", runnerId: "d" });
      expect(pool.granted.get(waitingCall)?.key.runnerId).toBe("a");
    });

    test("believes the probes again when enough answer", () => {
      const pool = silent(4, 0.5);
      pool.step({ _tag: "ProbeEnded", runnerId: "a", healthy: true });
      expect(chosenBy(pool, 4)).toEqual(["a", "e", "f", undefined]);
    });
  });

  test("tries another one than the one that failed before, among those that do not answer too", () => {
    const pool = fixed(["a", "b"]);
    for (const runnerId of ["a", "b"]) pool.step({ _tag: "Suspected", runnerId });
    expect(pool.granted.get(pool.acquire("a"))?.key.runnerId).toBe("b");
    expect(pool.granted.get(pool.acquire("b"))?.key.runnerId).toBe("a");
  });

  test("probes a runner that does not answer again and again, and never ends it", () => {
    const pool = fixed(["a"]);
    pool.step({ _tag: "Suspected", runnerId: "a" });
    for (let failures = 1; failures < 4; failures++) {
      expect(pool.step({ _tag: "ProbeEnded", runnerId: "a", healthy: false })).toContainEqual({
        _tag: "Probe",
        runnerId: "a",
        afterFailures: failures,
      });
    }
    expect(pool.state.runners.has("a")).toBe(true);
  });

  test("refuses calls when it has no runners at all", () => {
    expect(fixed([]).refused.size).toBe(0);
    const pool = fixed([]);
    expect(pool.refused.get(pool.acquire())?.why).toBe("no_runner");
  });
});
