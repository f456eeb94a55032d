import { describe, expect, test } from "vitest";
import { Driver } from "../driver.ts";

const elastic = (given: ConstructorParameters<typeof Driver>[0] = {}) => new Driver(given);

const only = <A>(values: Iterable<A>): A => {
  const all = [...values];
  expect(all).toHaveLength(1);
  return all[0]!;
};

describe("an elastic pool", () => {
  test("boots a runner for a call that finds none, and grants its slot as cold", () => {
    const pool = elastic();
    const waiterId = pool.acquire();
    const runnerId = only(pool.booting);
    expect(pool.waiting).toEqual([waiterId]);
    pool.bootSucceeds(runnerId);
    expect(pool.granted.get(waiterId)).toMatchObject({ source: "cold", key: { runnerId } });
  });

  test("grants every first slot of a booted runner as cold, since each of those calls waited for the boot", () => {
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

  test("grants a free slot immediately, as warm", () => {
    const pool = elastic();
    pool.acquire();
    pool.bootSucceeds(only(pool.booting));
    pool.release(only(pool.leases.values()));
    expect(pool.granted.get(pool.acquire())?.source).toBe("warm");
  });

  test("grants slots to waiting calls in order of arrival", () => {
    const pool = elastic({ max: 1 });
    const tickets = [pool.acquire(), pool.acquire(), pool.acquire()];
    pool.bootSucceeds(only(pool.booting));
    pool.release(only(pool.leases.values()));
    pool.release(only(pool.leases.values()));
    expect([...pool.granted.keys()]).toEqual(tickets);
    expect(pool.granted.get(tickets[1]!)?.source).toBe("queued");
  });

  test("boots at most max runners, however many calls wait", () => {
    const pool = elastic({ max: 3 });
    for (let i = 0; i < 10; i++) pool.acquire();
    expect(pool.booting.size).toBe(3);
  });

  test("counts the slots of booting runners before it boots another", () => {
    const pool = elastic({ max: 4, maxConcurrency: 2 });
    for (let i = 0; i < 3; i++) pool.acquire();
    expect(pool.booting.size).toBe(2);
  });

  test("boots min runners and replaces a lost one", () => {
    const pool = elastic({ min: 2, max: 3 });
    const [first, second] = [...pool.booting];
    pool.bootSucceeds(first!);
    pool.bootSucceeds(second!);
    pool.acquire();
    const { runnerId } = only(pool.leases.values());
    pool.lose(runnerId);
    expect(pool.booting.size).toBe(1);
  });

  test("rejects all waiting calls with the cause once the last boot has failed", () => {
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

  test("pauses boots after a failed one, and then boots for calls that arrived in the meantime", () => {
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

  test("pauses boots when a runner is lost before it has served a call", () => {
    const pool = elastic({ min: 1 });
    const runnerId = only(pool.booting);
    pool.bootSucceeds(runnerId);
    pool.lose(runnerId);
    expect(pool.bootsPaused).toBe(true);
    expect(pool.booting.size).toBe(0);
  });

  test("frees the slots of a lost runner and ignores late releases of its leases", () => {
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

  test("fails a lost runner's calls immediately", () => {
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

  test("terminates an idle runner that fails its probe and keeps one that passes", () => {
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

  describe("with a runner that reports that it is draining", () => {
    const leaving = (given: ConstructorParameters<typeof Driver>[0] = {}) => {
      const pool = elastic({ max: 2, maxConcurrency: 2, ...given });
      pool.acquire();
      pool.bootSucceeds(only(pool.booting));
      const key = only(pool.leases.values());
      const commands = pool.step({ _tag: "Refused", runnerId: key.runnerId, draining: true });
      return { pool, key, runnerId: key.runnerId, commands };
    };

    test("assigns it no more calls and waits for it to exit", () => {
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

    test("does not count it toward min and boots a replacement immediately", () => {
      expect(leaving({ min: 1 }).pool.booting.size).toBe(1);
    });

    test("ignores repeated reports, and does not terminate it when its last call finishes", () => {
      const { pool, key, runnerId } = leaving();
      expect(pool.step({ _tag: "Refused", runnerId, draining: true })).toEqual([]);
      pool.release(key);
      expect(pool.state.runners.get(runnerId)?.phase).toBe("draining");
    });

    test("records its exit as a drain when idle, and as a crash during a call", () => {
      const orderly = leaving();
      orderly.pool.release(orderly.key);
      orderly.pool.lose(orderly.runnerId);
      expect(orderly.pool.last("Terminate")).toMatchObject({ reason: "drain" });
      const abrupt = leaving();
      abrupt.pool.lose(abrupt.runnerId);
      expect(abrupt.pool.last("Terminate")).toMatchObject({ reason: "crash" });
    });

    test("treats silence as its exit when it has no calls, and keeps waiting otherwise", () => {
      const { pool, key, runnerId } = leaving();
      expect(pool.step({ _tag: "Silent", runnerId })).toEqual([{ _tag: "AwaitEnd", runnerId }]);
      pool.release(key);
      pool.step({ _tag: "Silent", runnerId });
      expect(pool.state.runners.has(runnerId)).toBe(false);
    });

    test("fails its calls and terminates it after drainTimeoutMs", () => {
      const { pool, runnerId } = leaving({ drainTimeoutMs: 1_000 });
      pool.advance(1_000);
      expect(pool.last("FailCalls")).toEqual({ _tag: "FailCalls", runnerId, reason: "drain" });
      expect(pool.state.runners.has(runnerId)).toBe(false);
    });

    test("lets it exit by itself even when it was due for recycling", () => {
      const { pool, key, runnerId } = leaving({ maxCalls: 1 });
      pool.release(key);
      expect(pool.state.runners.has(runnerId)).toBe(true);
    });
  });

  test("keeps a runner that rejects a call without draining", () => {
    const pool = elastic();
    pool.acquire();
    pool.bootSucceeds(only(pool.booting));
    const { runnerId } = only(pool.leases.values());
    expect(pool.step({ _tag: "Refused", runnerId, draining: false })).toEqual([]);
    expect(pool.state.runners.get(runnerId)?.phase).toBe("ready");
  });

  test("rejects waiting calls when it closes, and terminates busy runners when their calls finish", () => {
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

  test("reports saturation once, and again only after it has had a free slot", () => {
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

  test("chooses the least loaded runner, and the least recently used one among equals", () => {
    const pool = fixed(["a", "b", "c"]);
    const chosen = Array.from({ length: 6 }, () => pool.granted.get(pool.acquire())!.key.runnerId);
    expect(chosen).toEqual(["a", "b", "c", "a", "b", "c"]);
  });

  test("avoids the runner of the failed attempt if another has a free slot", () => {
    const pool = fixed(["a", "b"]);
    for (let i = 0; i < 2; i++) expect(pool.granted.get(pool.acquire("a"))?.key.runnerId).toBe("b");
    expect(pool.granted.get(pool.acquire("a"))?.key.runnerId).toBe("a");
  });

  test("ejects a runner that fails its probe, and uses it again when it passes one", () => {
    const pool = fixed(["a", "b"]);
    pool.step({ _tag: "Suspected", runnerId: "a" });
    pool.step({ _tag: "ProbeEnded", runnerId: "a", healthy: false });
    for (let i = 0; i < 2; i++) expect(pool.granted.get(pool.acquire())?.key.runnerId).toBe("b");
    const waitingCall = pool.acquire();
    expect(pool.waiting).toEqual([waitingCall]);
    pool.step({ _tag: "ProbeEnded", runnerId: "a", healthy: true });
    expect(pool.granted.get(waitingCall)?.key.runnerId).toBe("a");
  });

  test("assigns no calls to a draining runner until its successor passes a probe", () => {
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

  test("uses unresponsive runners when no runner responds", () => {
    const pool = fixed(["a"]);
    pool.step({ _tag: "Suspected", runnerId: "a" });
    expect(pool.granted.get(pool.acquire())?.key.runnerId).toBe("a");
  });

  describe("with unresponsive runners and a panicThreshold", () => {
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

    test("below the threshold, sends calls that find no other slot to unresponsive runners", () => {
      expect(chosenBy(silent(4, 0.5), 4)).toEqual(["e", "f", "a", "b"]);
    });

    test("at the threshold, makes calls wait for a responsive runner", () => {
      expect(chosenBy(silent(3, 0.5), 4)).toEqual(["d", "e", "f", undefined]);
    });

    test("with a threshold of 0, makes calls wait as long as one runner responds", () => {
      expect(chosenBy(silent(5, 0), 2)).toEqual(["f", undefined]);
      expect(chosenBy(silent(6, 0), 2)).toEqual(["a", "b"]);
    });

    test("sends waiting calls to unresponsive runners as soon as it falls below the threshold", () => {
      const pool = silent(3, 0.5);
      const waitingCall = (chosenBy(pool, 3), pool.acquire());
      pool.step({ _tag: "Suspected", runnerId: "d" });
      expect(pool.granted.get(waitingCall)?.key.runnerId).toBe("a");
    });

    test("stops using unresponsive runners when enough respond again", () => {
      const pool = silent(4, 0.5);
      pool.step({ _tag: "ProbeEnded", runnerId: "a", healthy: true });
      expect(chosenBy(pool, 4)).toEqual(["a", "e", "f", undefined]);
    });
  });

  test("avoids the runner of the failed attempt among unresponsive runners too", () => {
    const pool = fixed(["a", "b"]);
    for (const runnerId of ["a", "b"]) pool.step({ _tag: "Suspected", runnerId });
    expect(pool.granted.get(pool.acquire("a"))?.key.runnerId).toBe("b");
    expect(pool.granted.get(pool.acquire("b"))?.key.runnerId).toBe("a");
  });

  test("keeps probing an unresponsive runner and never terminates it", () => {
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

  test("rejects calls when it has no runners", () => {
    expect(fixed([]).refused.size).toBe(0);
    const pool = fixed([]);
    expect(pool.refused.get(pool.acquire())?.why).toBe("no_runner");
  });
});
