import { AsyncLocalStorage } from "node:async_hooks";
import { Effect, Fiber } from "effect";
import { describe, expect, onTestFinished, test } from "vitest";
import { type CallError, ConfigError, FlameMethodError, InvokeError } from "../../../src/contract/errors.ts";
import { createFlame, currentInvocation, type MapOutcome } from "../../../src/index.ts";
import { waitFor } from "../../harness/wait-for.ts";

const silent = { info: () => {}, warn: () => {}, error: () => {} };

/** A service whose gated handlers wait until the test releases them by item, and a record of what they saw. */
const setup = () => {
  const flame = createFlame({ mode: "local", logger: silent });
  onTestFinished(() => flame.shutdown());
  const gates = new Map<number, PromiseWithResolvers<number>>();
  const aborted: Array<number> = [];
  const world = {
    gates,
    aborted,
    most: 0,
    letGo: (item: number) => gates.get(item)!.resolve(item * 10),
  };
  const service = flame.service("work", {
    double: async (n: number) => n * 2,
    odd: async (n: number) => {
      if (n % 2 === 0) throw new FlameMethodError("even", `${n} is even`);
      return n;
    },
    gated: async (n: number) => {
      const gate = Promise.withResolvers<number>();
      gates.set(n, gate);
      world.most = Math.max(world.most, gates.size);
      currentInvocation()?.signal.addEventListener("abort", () => {
        aborted.push(n);
        gate.reject(new Error("aborted"));
      });
      try {
        return await gate.promise;
      } finally {
        gates.delete(n);
      }
    },
    slowFirst: async (n: number) => {
      if (n === 0) await new Promise((resolve) => setTimeout(resolve, 30));
      return n;
    },
  });
  return { flame, service, world };
};

const failure = async (run: PromiseLike<unknown>): Promise<CallError> => {
  try {
    await run;
  } catch (error) {
    return error as CallError;
  }
  throw new Error("expected a failure");
};

/** A source of items that records how many were taken and whether it was closed. */
const counted = (count = Infinity) => {
  const source = {
    taken: 0,
    closed: false,
    *items() {
      try {
        for (let n = 0; n < count; n++) {
          source.taken++;
          yield n;
        }
      } finally {
        source.closed = true;
      }
    },
  };
  return source;
};

async function* each<A>(items: Iterable<A>): AsyncGenerator<A> {
  for (const item of items) {
    await Promise.resolve();
    yield item;
  }
}

const collect = async <A>(run: AsyncIterable<A>): Promise<Array<A>> => {
  const all: Array<A> = [];
  for await (const result of run) all.push(result);
  return all;
};

describe("an awaited map", () => {
  test("returns results in the order of the items, or of completion with ordered: false", async () => {
    const { service } = setup();
    expect(await service.slowFirst.map([0, 1, 2, 3])).toEqual([0, 1, 2, 3]);
    expect(await service.slowFirst.map([0, 1, 2, 3], { ordered: false })).toEqual([1, 2, 3, 0]);
    expect(await service.slowFirst.map([0, 1, 2, 3], { ordered: false, concurrency: 1 })).toEqual([0, 1, 2, 3]);
  });

  test("accepts arrays, sets, generators and async iterables, including empty ones", async () => {
    const { service } = setup();
    expect(await service.double.map(new Set([1, 2]))).toEqual([2, 4]);
    expect(await service.double.map(counted(3).items())).toEqual([0, 2, 4]);
    expect(await service.double.map(each([1, 2, 3]))).toEqual([2, 4, 6]);
    expect(await service.double.map([])).toEqual([]);
    expect(await service.double.map(each([]))).toEqual([]);
  });

  test("starts when it is first awaited, and runs once", async () => {
    const { service } = setup();
    const source = counted(3);
    const run = service.double.map(source.items());
    await Promise.resolve();
    expect(source.taken).toBe(0);
    expect(await run).toEqual([0, 2, 4]);
    expect(await run).toEqual([0, 2, 4]);
    expect(await Promise.all([run, run])).toEqual([
      [0, 2, 4],
      [0, 2, 4],
    ]);
    expect(source.taken).toBe(3);
    expect(() => run[Symbol.asyncIterator]()).toThrow(/already awaited or iterated/);
  });

  test("never exceeds its concurrency, and takes an item only when its call can start", async () => {
    const { service, world } = setup();
    const source = counted(20);
    const run = Promise.resolve(service.gated.map(source.items(), { concurrency: 3 }));
    for (let n = 0; n < 20; n++) {
      await waitFor(() => world.gates.has(n), { what: `item ${n} to be called` });
      expect(source.taken).toBeLessThanOrEqual(n + 3);
      world.letGo(n);
    }
    expect(await run).toEqual(Array.from({ length: 20 }, (_item, n) => n * 10));
    expect(world.most).toBe(3);
    expect(source.closed).toBe(true);
  });

  test("runs 16 calls concurrently when the pool's capacity is unknown", async () => {
    const { service, world } = setup();
    const controller = new AbortController();
    const run = failure(service.gated.with({ signal: controller.signal }).map(counted().items()));
    await waitFor(() => world.gates.size === 16, { what: "16 calls to start" });
    controller.abort();
    await run;
    expect(world.most).toBe(16);
  });

  test("rejects at the first failure with the item's index, cancels the other calls and takes no more", async () => {
    const { service, world } = setup();
    const source = counted();
    const run = failure(service.gated.map(source.items(), { concurrency: 3 }));
    await waitFor(() => world.gates.size === 3, { what: "three calls to start" });
    world.gates.get(1)!.reject(new FlameMethodError("broken", "It is broken."));
    const error = await run;
    expect(error).toBeInstanceOf(InvokeError);
    expect(error).toMatchObject({ code: "remote_error", index: 1, method: "work/gated", remote: { code: "broken" } });
    await waitFor(() => world.gates.size === 0, { what: "the other calls to end" });
    expect(world.aborted.toSorted()).toEqual([0, 2]);
    expect(source).toMatchObject({ taken: 3, closed: true });
  });

  test.each([1, 2, 16])("reports a failure of the last item (concurrency: %i)", async (concurrency) => {
    const { service } = setup();
    expect(await failure(service.odd.map([1, 3, 4], { concurrency }))).toMatchObject({ index: 2 });
    expect(await failure(service.odd.map([4], { concurrency }))).toMatchObject({ index: 0 });
  });

  test('returns failures with their items among the results with onError: "collect"', async () => {
    const { service } = setup();
    const outcomes = await service.odd.map([1, 2, 3], { onError: "collect" });
    expect(outcomes).toMatchObject([
      { ok: true, value: 1, index: 0 },
      { ok: false, item: 2, index: 1, error: { code: "remote_error", index: 1, remote: { code: "even" } } },
      { ok: true, value: 3, index: 2 },
    ]);
  });

  test.each(["stop", "collect"] as const)(
    "rejects immediately when its signal is aborted (onError: %s)",
    async (onError) => {
      const { service, world } = setup();
      const controller = new AbortController();
      const source = counted();
      const method = service.gated.with({ signal: controller.signal });
      const run = failure(
        onError === "stop"
          ? method.map(source.items(), { concurrency: 2 })
          : method.map(source.items(), { concurrency: 2, onError }),
      );
      await waitFor(() => world.gates.size === 2, { what: "two calls to start" });
      controller.abort("no longer wanted");
      expect(await run).toMatchObject({ code: "canceled", cause: "no longer wanted", method: "work/gated" });
      await waitFor(() => world.gates.size === 0, { what: "the calls to end" });
      expect(source).toMatchObject({ taken: 2, closed: true });
      expect(await failure(method.map(source.items()))).toMatchObject({ code: "canceled" });
    },
  );

  test("rejects when its items cannot be read, and cancels the running calls", async () => {
    const { service, world } = setup();
    async function* broken() {
      yield 1;
      await waitFor(() => world.gates.size === 1, { what: "the first call to start" });
      throw new Error("the cursor is gone");
    }
    const error = await failure(service.gated.map(broken(), { onError: "collect" }));
    expect(error).toMatchObject({ code: "invoke_error", cause: { message: "the cursor is gone" } });
    expect(error.message).toContain("the cursor is gone");
    await waitFor(() => world.aborted.length === 1, { what: "the first call to be canceled" });
  });

  test("rejects at a failure without waiting for an item that never arrives", async () => {
    const { service } = setup();
    async function* stuck() {
      yield 2;
      await new Promise(() => {});
    }
    expect(await failure(service.odd.map(stuck()))).toMatchObject({ index: 0 });
  });

  test("reads its items in the async context of the map call", async () => {
    const { service } = setup();
    const storage = new AsyncLocalStorage<string>();
    const seen: Array<string | undefined> = [];
    async function* items() {
      for (let n = 0; n < 3; n++) {
        seen.push(storage.getStore());
        yield n;
      }
    }
    const run = storage.run("here", () => service.double.map(items(), { concurrency: 1 }));
    await storage.run("elsewhere", async () => run);
    expect(seen).toEqual(["here", "here", "here"]);
  });

  test("throws immediately for invalid items and options, and names them", () => {
    const { service } = setup();
    expect(() => service.double.map(3 as never)).toThrow(/work\/double\.map: items is 3/);
    for (const concurrency of [0, 1.5, NaN, Infinity])
      expect(() => service.double.map([], { concurrency })).toThrow(ConfigError);
    expect(() => service.double.map([], { onError: "skip" as never })).toThrow(/"stop" or "collect"/);
    expect(() => service.double.map([], { ordered: 1 as never })).toThrow(/ordered/);
  });

  test("rejects, rather than throws, when the instance is shut down", async () => {
    const { flame, service } = setup();
    await flame.shutdown();
    expect(await failure(service.double.map([1]))).toMatchObject({ code: "unavailable", executed: "no" });
  });
});

describe("an iterated map", () => {
  test("yields results in the order of the items, or of completion with ordered: false", async () => {
    const { service } = setup();
    expect(await collect(service.slowFirst.map([0, 1, 2]))).toEqual([0, 1, 2]);
    expect(await collect(service.slowFirst.map([0, 1, 2], { ordered: false }))).toEqual([1, 2, 0]);
    expect(await collect(service.slowFirst.map(each([0, 1, 2]), { concurrency: 1 }))).toEqual([0, 1, 2]);
    expect(await collect(service.double.map([]))).toEqual([]);
  });

  test.each([true, false])(
    "applies backpressure: results that the loop has not taken count toward concurrency (ordered: %s)",
    async (ordered) => {
      const { service } = setup();
      const source = counted(50);
      let seen = 0;
      for await (const _result of service.double.map(source.items(), { concurrency: 4, ordered })) {
        await new Promise((resolve) => setImmediate(resolve));
        expect(source.taken).toBeLessThanOrEqual(++seen + 4);
      }
      expect([seen, source.taken]).toEqual([50, 50]);
    },
  );

  test("processes 10,000 items without retaining their results", async () => {
    const { flame } = setup();
    const page = flame.fn("page", async (n: number) => new Uint8Array(20_000).fill(n % 251));
    const weights: Array<number> = [];
    let bytes = 0;
    let count = 0;
    for await (const result of page.map(counted(10_000).items(), { concurrency: 8, ordered: false })) {
      bytes += result.byteLength;
      if (++count % 1_000 === 0) {
        const { heapUsed, arrayBuffers } = process.memoryUsage();
        weights.push(heapUsed + arrayBuffers);
      }
    }
    expect(bytes).toBe(10_000 * 20_000);
    expect(Math.min(...weights.slice(5)) - Math.min(...weights.slice(0, 5))).toBeLessThan(60_000_000);
  }, 60_000);

  test("cancels the running calls and closes the items when the loop is left", async () => {
    const { service, world } = setup();
    const source = counted();
    const run = service.gated.map(source.items(), { concurrency: 3, ordered: false });
    const left = (async () => {
      for await (const result of run) return result;
      return undefined;
    })();
    await waitFor(() => world.gates.size === 3, { what: "three calls to start" });
    world.letGo(1);
    expect(await left).toBe(10);
    expect(world.aborted.length).toBeGreaterThanOrEqual(2);
    expect(source.closed).toBe(true);
    await waitFor(() => world.gates.size === 0, { what: "the calls to end" });
  });

  test("throws the first failure into the loop, and is then done", async () => {
    const { service } = setup();
    const iterator = service.odd.map([1, 3, 4, 5], { concurrency: 1 })[Symbol.asyncIterator]();
    expect(await iterator.next()).toEqual({ done: false, value: 1 });
    expect(await iterator.next()).toEqual({ done: false, value: 3 });
    expect(await failure(iterator.next())).toMatchObject({ index: 2 });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  test('yields outcomes with onError: "collect"', async () => {
    const { service } = setup();
    const outcomes: Array<MapOutcome<number, number>> = await collect(service.odd.map([1, 2], { onError: "collect" }));
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, false]);
  });

  test("resolves concurrent next() calls in order, and those past the end as done", async () => {
    const { service } = setup();
    const iterator = service.double.map([1, 2])[Symbol.asyncIterator]();
    const answers = await Promise.all([iterator.next(), iterator.next(), iterator.next(), iterator.next()]);
    expect(answers.map(({ value }) => value as number | undefined)).toEqual([2, 4, undefined, undefined]);
  });

  test("takes no items if it is left before it started", async () => {
    const { service } = setup();
    const source = counted();
    const iterator = service.double.map(source.items())[Symbol.asyncIterator]();
    expect(await iterator.return?.()).toEqual({ done: true, value: undefined });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(source.taken).toBe(0);
  });

  test("can be iterated only once", async () => {
    const { service } = setup();
    const run = service.double.map([1]);
    await collect(run);
    expect(() => run[Symbol.asyncIterator]()).toThrow(/Call map again/);
    expect(await failure(run)).toMatchObject({ code: "invoke_error", executed: "no" });
  });
});

describe("a map as an Effect", () => {
  test("succeeds with all results each time it is run", async () => {
    const { flame, service } = setup();
    const double = flame.toEffect(service.double);
    const program = double.map([1, 2, 3], { concurrency: 2 });
    expect(await Effect.runPromise(program)).toEqual([2, 4, 6]);
    expect(await Effect.runPromise(program)).toEqual([2, 4, 6]);
    const outcomes = await Effect.runPromise(flame.toEffect(service.odd).map([1, 2], { onError: "collect" }));
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, false]);
    expect(() => double.map([], { concurrency: 0 })).toThrow(ConfigError);
  });

  test("fails with the first failure, and cancels its calls when it is interrupted", async () => {
    const { flame, service, world } = setup();
    const error = await Effect.runPromise(Effect.flip(flame.toEffect(service.odd).map([1, 2])));
    expect(error).toMatchObject({ _tag: "InvokeError", index: 1 });
    const source = counted();
    const fiber = Effect.runFork(flame.toEffect(service.gated).map(source.items(), { concurrency: 2 }));
    await waitFor(() => world.gates.size === 2, { what: "two calls to start" });
    await Effect.runPromise(Fiber.interrupt(fiber));
    expect(world.aborted.toSorted()).toEqual([0, 1]);
    expect(source.closed).toBe(true);
  });
});
