/**
 * Functions that users give to a pool and its backend, with real sockets: whatever they do, it is one record in the log and a
 * working pool, and nothing of it gets out as an uncaught error.
 */
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import type { Backend, RunnerHandle, SpawnRequest } from "../../src/contract/config/backend.ts";
import { createRegistry } from "../../src/contract/api/registry.ts";
import type { Logger, PoolConfig } from "../../src/contract/config/options.ts";
import { createFlame, type Flame } from "../../src/flame.ts";
import { currentInvocation } from "../../src/index.ts";
import { waitFor } from "../harness/wait-for.ts";
import { inProcessBackend } from "../testing/in-process-backend.ts";

const escaped: Array<unknown> = [];
const note = (reason: unknown): void => void escaped.push(reason);

beforeEach(() => {
  escaped.length = 0;
  process.on("unhandledRejection", note);
  process.on("uncaughtException", note);
});

afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", note);
  process.off("uncaughtException", note);
  expect(escaped).toEqual([]);
});

interface Logged {
  readonly message: string;
  readonly event: unknown;
}

/** A pool whose runners are servers in this process, that the backend may spoil; and what is logged. */
const withPool = async (
  spoil: (backend: Backend) => Partial<Record<keyof Backend, unknown>>,
  pool: PoolConfig = {},
  logger?: Logger,
): Promise<{ readonly flame: Flame; readonly logged: ReadonlyArray<Logged>; readonly call: () => Promise<string> }> => {
  const logged: Array<Logged> = [];
  const log = (message: string, meta?: Record<string, unknown>): void =>
    void logged.push({ message, event: meta?.["event.name"] });
  const registry = createRegistry();
  const good = inProcessBackend(registry);
  const flame = createFlame(
    {
      mode: "parent",
      logger: logger ?? { info: log, warn: log, error: log },
      pools: {
        default: {
          max: 2,
          spawnTimeoutMs: 500,
          drainTimeoutMs: 100,
          healthCheckMs: Infinity,
          backend: { ...good, ...(spoil(good) as Partial<Backend>) },
          ...pool,
        },
      },
    },
    { registry },
  );
  onTestFinished(() => good.dispose());
  onTestFinished(() => flame.shutdown());
  const ping = flame.fn("ping", async () => "pong");
  return { flame, logged, call: () => ping.with({ timeoutMs: 10_000 })() };
};

const failures = (logged: ReadonlyArray<Logged>, event = "flame.user_function.failed"): ReadonlyArray<string> =>
  logged.filter((entry) => entry.event === event).map(({ message }) => message);

const fail = (thrown: unknown) => (): never => {
  throw thrown;
};

const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

/** What a function does, and what is said of it. */
type Misdeed = readonly [what: string, run: () => unknown, said: RegExp];

const throws: ReadonlyArray<Misdeed> = [
  ["throws", fail(new TypeError("no idea")), /no idea/],
  ["throws nothing", fail(undefined), /nothing|type undefined/],
  ["throws what cannot be read", fail(revoked()), /an object|type object/],
  ["rejects", async () => fail(new TypeError("no idea"))(), /no idea/],
  ["rejects with a symbol", async () => fail(Symbol("no"))(), /Symbol\(no\)|type symbol/],
];

const returns: ReadonlyArray<Misdeed> = [
  ["returns nothing", () => undefined, /nothing/],
  ["returns NaN", () => NaN, /NaN/],
  ["returns a string", () => "yes", /"yes"/],
  ["returns a promise of nothing", async () => undefined, /nothing/],
];

describe("spawn", () => {
  const handles: ReadonlyArray<Misdeed> = [
    ["gives {}", () => ({}), /returned a runner whose url is undefined/],
    ["gives a number as id", () => ({ id: 5, url: "http://127.0.0.1:1" }), /returned a runner whose id is number/],
    [
      "gives an id with a line break",
      () => ({ id: "a\nb", url: "http://127.0.0.1:1" }),
      /returned a runner whose id .* cannot travel in a header/s,
    ],
    ["gives no url", () => ({ id: "r" }), /returned a runner whose url is undefined/],
    [
      "gives a url that is none",
      () => ({ id: "r", url: "127.0.0.1:80" }),
      /returned a runner whose url is "127.0.0.1:80"/,
    ],
    ["gives what cannot be read", revoked, /TypeError|revoked/],
    ["never settles", () => new Promise(() => {}), /not ready within 500 ms \(spawnTimeoutMs\)/],
  ];

  test.each([...throws, ...returns, ...handles])(
    "that %s is a failed boot, and the pool boots again when it is mended",
    async (_, run, said) => {
      let broken = true;
      const { logged, call } = await withPool((good) => ({
        spawn: (...args: Parameters<Backend["spawn"]>) => (broken ? run() : good.spawn(...args)),
      }));
      const error = await call().then(
        () => expect.unreachable(),
        (thrown: Error) => thrown,
      );
      expect(error).toMatchObject({ code: "no_runner", executed: "no" });
      expect(error.message).toMatch(said);
      expect(failures(logged, "flame.runner.boot_failed")).toHaveLength(1);
      broken = false;
      expect(await call()).toBe("pong");
    },
  );

  test("that says why it took too long is quoted, and the boot has timed out", async () => {
    const { flame, call } = await withPool(() => ({
      spawn: ({ signal }: SpawnRequest) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(new Error("the image is still being pulled")));
        }),
    }));
    await expect(call()).rejects.toThrow("the image is still being pulled");
    expect(await flame.metrics()).toContain('backend="in-process",result="timeout"} 1');
  });

  test("that gives an unreadable exited has failed too", async () => {
    const { call } = await withPool((good) => ({
      spawn: async (...args: Parameters<Backend["spawn"]>) => ({
        ...(await (good.spawn(...args) as Promise<RunnerHandle>)),
        get exited() {
          return fail(new Error("no"))();
        },
      }),
    }));
    await expect(call()).rejects.toMatchObject({ code: "no_runner" });
  });
});

describe("exited", () => {
  const exits: ReadonlyArray<Misdeed> = [
    ["gives nothing", async () => undefined, /nothing/],
    ["gives a string", async () => "gone", /"gone"/],
    ["gives an object without fields", async () => ({}), /exit code none, signal none/],
    ["gives fields of other types", async () => ({ code: "1", signal: 9, reason: {} }), /exit code none, signal none/],
    ["rejects", async () => fail(new TypeError("no idea"))(), /TypeError: no idea/],
    ["rejects with what cannot be read", async () => fail(revoked())(), /an object|type object/],
    ["is a thenable that throws", () => ({ then: fail(new TypeError("no idea")) }), /TypeError: no idea/],
  ];

  test.each(exits)("that %s is the end of the runner, and another takes over", async (_, run, said) => {
    const end = Promise.withResolvers<void>();
    let spawned = 0;
    const { logged, call } = await withPool((good) => ({
      spawn: async (...args: Parameters<Backend["spawn"]>) => {
        const handle = await (good.spawn(...args) as Promise<RunnerHandle>);
        return ++spawned > 1 ? handle : { ...handle, exited: end.promise.then(run) };
      },
    }));
    expect(await call()).toBe("pong");
    end.resolve();
    await waitFor(() => failures(logged, "flame.runner.lost").length === 1, { what: "the end of the runner" });
    expect(failures(logged, "flame.runner.lost")[0]).toMatch(said);
    expect(await call()).toBe("pong");
    expect(spawned).toBe(2);
  });

  test("that is no promise is left out, and said", async () => {
    const { flame, logged, call } = await withPool((good) => ({
      spawn: async (...args: Parameters<Backend["spawn"]>) => ({
        ...(await (good.spawn(...args) as Promise<RunnerHandle>)),
        exited: { code: 0 },
      }),
    }));
    expect(await call()).toBe("pong");
    expect(failures(logged)).toEqual([expect.stringContaining("backend.spawn of pool")]);
    expect(flame.pools["default"]!.stats().runners.idle).toBe(1);
  });
});

describe("healthCheck", () => {
  test.each([...throws, ...returns])("that %s leaves it to the runner, and is said once", async (_, run, said) => {
    let looks = 0;
    const { flame, logged, call } = await withPool(
      () => ({
        healthCheck: () => {
          looks++;
          return run();
        },
      }),
      { healthCheckMs: 20 },
    );
    expect(await call()).toBe("pong");
    await waitFor(() => looks >= 5, { what: "five looks" });
    expect(await call()).toBe("pong");
    expect(failures(logged)).toEqual([expect.stringMatching(said)]);
    expect(failures(logged)[0]).toMatch(/^backend\.healthCheck of pool "default" .*; the runner itself is probed/);
    expect(failures(logged, "flame.runner.terminated")).toEqual([]);
    expect(flame.pools["default"]!.stats().runners.idle).toBe(1);
  });

  test("that never settles does not keep a runner from its calls", async () => {
    const { logged, call } = await withPool(() => ({ healthCheck: () => new Promise(() => {}) }), {
      healthCheckMs: 20,
      max: 1,
    });
    expect(await call()).toBe("pong");
    await waitFor(() => failures(logged).length > 0, { what: "a word about it", timeoutMs: 10_000 });
    expect(failures(logged)).toEqual([expect.stringContaining("did not settle within 5000 ms")]);
    expect(await call()).toBe("pong");
  });
});

describe("terminate", () => {
  test.each(throws)("that %s is said, and the pool shuts down", async (_, run, said) => {
    const { flame, logged, call } = await withPool(() => ({ terminate: run }));
    expect(await call()).toBe("pong");
    await flame.shutdown();
    expect(failures(logged, "flame.runner.not_ended")).toEqual([expect.stringMatching(said)]);
  });

  test("that never settles is said, and the pool shuts down all the same", async () => {
    const { flame, logged, call } = await withPool(() => ({ terminate: () => new Promise(() => {}) }));
    expect(await call()).toBe("pong");
    await flame.shutdown();
    expect(failures(logged, "flame.runner.not_ended")).toEqual([
      expect.stringContaining("it did not settle within 1000 ms"),
    ]);
  });

  test.each(returns)("that %s is fine", async (_, run) => {
    const { flame, logged, call } = await withPool((good) => ({
      terminate: async (runner: RunnerHandle) => {
        await (good.terminate(runner) as Promise<unknown>);
        return run();
      },
    }));
    expect(await call()).toBe("pong");
    await flame.shutdown();
    expect(failures(logged, "flame.runner.not_ended")).toEqual([]);
  });
});

describe("hooks", () => {
  test.each([...throws, ...returns])("that %s do not disturb the pool, and are named once", async (what, run, said) => {
    const hooks = { onGrow: run, onShrink: run, onSaturated: run };
    const { logged, call } = await withPool(() => ({}), { max: 1, idleShutdownMs: 0, ...hooks });
    for (let i = 0; i < 3; i++) {
      expect(await Promise.all([call(), call(), call()])).toEqual(["pong", "pong", "pong"]);
      await waitFor(() => failures(logged, "flame.runner.terminated").length === i + 1, { what: "the runner to end" });
    }
    const named = failures(logged).map((message) => message.split(" ")[0]);
    expect(named.sort()).toEqual(what.startsWith("returns") ? [] : ["onGrow", "onSaturated", "onShrink"]);
    for (const message of failures(logged)) expect(message).toMatch(said);
  });
});

describe("a logger", () => {
  beforeEach(() => void vi.spyOn(console, "error").mockImplementation(() => {}));
  afterEach(() => vi.restoreAllMocks());

  test.each([...throws, ...returns, ["never settles", () => new Promise(() => {}), /./] as const])(
    "that %s does not hurt calls, boots or the end",
    async (_, run) => {
      const logger = { debug: run, info: run, warn: run, error: run };
      const { flame, call } = await withPool(() => ({}), {}, logger);
      expect(await Promise.all([call(), call(), call()])).toEqual(["pong", "pong", "pong"]);
      await expect(flame.fn("fail", fail(new Error("x")))()).rejects.toMatchObject({ executed: "yes" });
      await flame.shutdown();
      const local = createFlame({ mode: "local", logger });
      const speaks = local.fn("speaks", async () => currentInvocation()!.logger.warn("a word"));
      await speaks();
      await local.shutdown();
    },
  );
});
