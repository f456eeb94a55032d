/** A hostile value that a handler throws or returns fails its own call, and no other call, runner or process. */
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { Scrape } from "../../examples/shared/prometheus-text.ts";
import { processBackend } from "../../src/backends/process.ts";
import type { RunnerHandle } from "../../src/contract/config/backend.ts";
import { flame, InvokeError } from "../../src/index.ts";
import { Hostilities, Neighbor } from "./fixtures/hostile-services.ts";
import { type Hostile, hostile, type HostileResult, hostileResults } from "./fixtures/hostile-values.ts";
import { entryOf } from "./setup.ts";

interface Written {
  readonly level: string;
  readonly message: string;
  readonly meta: Record<string, unknown>;
}

const thrown = Object.keys(hostile) as ReadonlyArray<Hostile>;
const returned = Object.keys(hostileResults) as ReadonlyArray<HostileResult>;

const secret = "a secret of the hostile tests";
const backend = processBackend({ entry: entryOf("hostile-runner"), logs: "ignore" });
const booted = new Map<boolean, Promise<RunnerHandle>>();

/** The runner of all tests, or the one that exposes errors: none of them may leave a trace in it. */
const runnerOf = async (expose: boolean): Promise<{ readonly id: string; readonly url: string }> => {
  const runnerId = expose ? "exposing" : "reserved";
  const booting =
    booted.get(expose) ??
    backend.spawn({
      poolName: "default",
      runnerId,
      env: { FLAME_MODE: "runner", FLAME_RUNNER_ID: runnerId, FLAME_SECRET: secret, EXPOSE: expose ? "1" : "0" },
      timeoutMs: 30_000,
      signal: new AbortController().signal,
    });
  booted.set(expose, booting);
  const { id, url } = await booting;
  return { id, url };
};
afterAll(async () => {
  await Promise.all([...booted.values()].map(async (booting) => backend.terminate(await booting)));
});

/** Starts a parent. Returns its log records and the uncaught errors of this process. */
const start = async (place: "runner" | "local", expose = false) => {
  const written: Array<Written> = [];
  const uncaught: Array<unknown> = [];
  const keep = (error: unknown): void => void uncaught.push(error);
  process.on("unhandledRejection", keep).on("uncaughtException", keep);
  onTestFinished(async () => {
    process.off("unhandledRejection", keep).off("uncaughtException", keep);
    await flame.shutdown();
  });
  const at =
    (level: string) =>
    (message: string, meta: Record<string, unknown> = {}) =>
      void written.push({ level, message, meta });
  const logger = { info: at("info"), warn: at("warn"), error: at("error") };
  const runners = place === "local" ? [] : [await runnerOf(expose)];
  await flame.configure({
    mode: place === "local" ? "local" : "parent",
    logger,
    exposeErrors: expose,
    security: { secret },
    pools: place === "local" ? {} : { default: { runners, maxConcurrency: 200 } },
  });
  const metric = async (name: string): Promise<number> => new Scrape(await flame.metrics()).sum(name);
  return { written, uncaught, metric };
};

const ended = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => "returned",
    (error: unknown) => error,
  );

const places = [
  ["a runner", "runner", "none"],
  ["a worker", "runner", "worker"],
  ["a child process", "runner", "process"],
  ["local mode", "local", "none"],
] as const;

describe.each(places)("in %s", (_name, place, isolation) => {
  const service = Hostilities[isolation];

  test.each([false, true])(
    "a hostile value that a handler throws fails only its call, with exposeErrors: %j",
    async (expose) => {
      const { written, uncaught, metric } = await start(place, expose);
      const callsBefore = await metric("rpc_client_call_duration_seconds_count");
      const before = await Neighbor.wait(0);
      const neighbors = Array.from({ length: 20 }, (_, index) => Neighbor.wait(50 * index));
      for (const what of thrown) {
        for (const error of await Promise.all([ended(service.throws(what)), ended(service.rejects(what))])) {
          expect(error, what).toBeInstanceOf(InvokeError);
          expect(error, what).toMatchObject({ code: "remote_error", executed: "yes", phase: "handler" });
        }
      }
      expect(await Promise.all(neighbors)).toEqual(neighbors.map(() => before));
      expect(await Neighbor.wait(0)).toBe(before);
      expect(uncaught).toEqual([]);
      const records = written.filter(({ meta }) => meta["event.name"] === "rpc.client.call.exception");
      expect(records).toHaveLength(2 * thrown.length);
      for (const { message, meta } of records)
        expect(JSON.stringify(meta).length + message.length).toBeLessThan(64 * 1_024);
      expect(await metric("flame_invocation_active")).toBe(0);
      const calls = (await metric("rpc_client_call_duration_seconds_count")) - callsBefore;
      expect(calls).toBe(2 * thrown.length + neighbors.length + 2);
    },
  );

  test("a hostile value that a handler returns fails at most its call", async () => {
    const { uncaught } = await start(place);
    const before = await Neighbor.wait(0);
    const neighbors = Array.from({ length: 10 }, (_, index) => Neighbor.wait(20 * index));
    for (const what of returned) {
      const error = await ended(service.returns(what));
      if (error === "returned") continue;
      expect(error, what).toBeInstanceOf(InvokeError);
      expect((error as InvokeError).code, what).toMatch(/^(remote_error|serialization_error)$/);
      expect(error, what).toMatchObject({ executed: "yes" });
    }
    expect(await Promise.all(neighbors)).toEqual(neighbors.map(() => before));
    expect(uncaught).toEqual([]);
  });
});

test("a hostile value that a handler throws after its call was canceled affects no other call", async () => {
  const { uncaught } = await start("runner");
  const before = await Neighbor.wait(0);
  const caller = new AbortController();
  const calls = thrown.map((what) => ended(Hostilities.none.late.with({ signal: caller.signal })(what)));
  await Neighbor.wait(100);
  caller.abort();
  for (const error of await Promise.all(calls)) expect(error).toMatchObject({ code: "canceled" });
  expect(await Neighbor.wait(50)).toBe(before);
  expect(uncaught).toEqual([]);
});

describe.each(thrown)("hostile value %s", (what) => {
  const fail = (): never => {
    throw hostile[what]();
  };

  test("thrown by retry.on stops the retries of the call", async () => {
    const { written, uncaught } = await start("local");
    const retry = { maxAttempts: 3, on: fail };
    expect(await ended(Hostilities.none.throws.with({ retry })("string"))).toMatchObject({ code: "remote_error" });
    expect(written.filter(({ meta }) => meta["event.name"] === "flame.retry.refused")).toHaveLength(1);
    expect(uncaught).toEqual([]);
  });

  test("thrown by a logger does not change the outcome of a call", async () => {
    await start("local");
    await flame.configure({ logger: { debug: fail, info: fail, warn: fail, error: fail } });
    expect(await ended(Hostilities.none.throws("string"))).toMatchObject({ code: "remote_error" });
    expect(await ended(Hostilities.none.returns("a throwing getter"))).toBe("returned");
    await flame.configure({ logger: undefined });
  });

  test("thrown by the items of a map fails only that map", async () => {
    const { uncaught } = await start("local");
    const items = {
      *[Symbol.iterator](): Generator<number> {
        yield 0;
        fail();
      },
    };
    expect(await ended(Neighbor.wait.map(items))).toMatchObject({ code: "invoke_error" });
    expect(await ended(Neighbor.wait.map([1, 2]))).toBe("returned");
    expect(uncaught).toEqual([]);
  });

  test("as an abort reason fails the call with canceled", async () => {
    const { uncaught } = await start("local");
    const caller = new AbortController();
    const call = ended(Neighbor.wait.with({ signal: caller.signal })(10_000));
    caller.abort(hostile[what]());
    expect(await call).toMatchObject({ code: "canceled" });
    expect(uncaught).toEqual([]);
  });
});
