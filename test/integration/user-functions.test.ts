/**
 * User functions of a pool and its backend that throw, hang or return wrong values, with real sockets: each failure is logged
 * once, the pool keeps working, and no error is left uncaught.
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

/** Creates a pool with runners in this process and a backend that `spoil` breaks. Returns the log records too. */
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
          spawnTimeoutMs: 30_000,
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
  return { flame, logged, call: () => ping.with({ timeoutMs: 60_000 })() };
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

/** What a function does, and the log message about it. */
type Misdeed = readonly [what: string, run: () => unknown, said: RegExp];

const throws: ReadonlyArray<Misdeed> = [
  ["throws", fail(new TypeError("no idea")), /no idea/],
  ["throws undefined", fail(undefined), /nothing|type undefined/],
  ["throws a revoked proxy", fail(revoked()), /an object|type object/],
  ["rejects", async () => fail(new TypeError("no idea"))(), /no idea/],
  ["rejects with a symbol", async () => fail(Symbol("no"))(), /Symbol\(no\)|type symbol/],
];

const returns: ReadonlyArray<Misdeed> = [
  ["returns undefined", () => undefined, /nothing/],
  ["returns NaN", () => NaN, /NaN/],
  ["returns a string", () => "yes", /"yes"/],
  ["returns a promise of undefined", async () => undefined, /nothing/],
];

describe("spawn", () => {
  const handles: ReadonlyArray<Misdeed> = [
    ["returns {}", () => ({}), /returned a runner whose url is undefined/],
    ["returns a number as id", () => ({ id: 5, url: "http://127.0.0.1:1" }), /returned a runner whose id is number/],
    [
      "returns an id with a line break",
      () => ({ id: "a\nb", url: "http://127.0.0.1:1" }),
      /returned a runner whose id .* printable ASCII characters without spaces/s,
    ],
    ["returns no url", () => ({ id: "r" }), /returned a runner whose url is undefined/],
    [
      "returns an invalid url",
      () => ({ id: "r", url: "127.0.0.1:80" }),
      /returned a runner whose url is "127.0.0.1:80"/,
    ],
    ["returns a revoked proxy", revoked, /TypeError|revoked/],
    ["never settles", () => new Promise(() => {}), /not ready within 3000 ms \(spawnTimeoutMs\)/],
  ];

  test.each([...throws, ...returns, ...handles])(
    "that %s fails the boot, and the pool boots again once spawn works",
    async (what, run, said) => {
      let broken = true;
      const { logged, call } = await withPool(
        (good) => ({ spawn: (...args: Parameters<Backend["spawn"]>) => (broken ? run() : good.spawn(...args)) }),
        what === "never settles" ? { spawnTimeoutMs: 3_000 } : {},
      );
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

  test("that rejects after spawnTimeoutMs fails the call with its error, and the boot counts as a timeout", async () => {
    const spawn = ({ signal }: SpawnRequest) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(new Error("the image is still being pulled")));
      });
    const { flame, call } = await withPool(() => ({ spawn }), { spawnTimeoutMs: 500 });
    await expect(call()).rejects.toThrow("the image is still being pulled");
    expect(await flame.metrics()).toContain('backend="in-process",result="timeout"} 1');
  });

  test("that returns a handle whose exited getter throws fails the boot", async () => {
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
    ["resolves with undefined", async () => undefined, /nothing/],
    ["resolves with a string", async () => "gone", /"gone"/],
    ["resolves with {}", async () => ({}), /exit code none, signal none/],
    [
      "resolves with fields of wrong types",
      async () => ({ code: "1", signal: 9, reason: {} }),
      /exit code none, signal none/,
    ],
    ["rejects", async () => fail(new TypeError("no idea"))(), /TypeError: no idea/],
    ["rejects with a revoked proxy", async () => fail(revoked())(), /an object|type object/],
    ["is a thenable that throws", () => ({ then: fail(new TypeError("no idea")) }), /TypeError: no idea/],
  ];

  test.each(exits)("that %s counts as the end of the runner, and another replaces it", async (_, run, said) => {
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
    await waitFor(() => failures(logged, "flame.runner.lost").length === 1, { what: "the runner to exit" });
    expect(failures(logged, "flame.runner.lost")[0]).toMatch(said);
    expect(await call()).toBe("pong");
    expect(spawned).toBe(2);
  });

  test("that is not a promise is ignored and logged", async () => {
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
  test.each([...throws, ...returns])(
    "that %s is logged once, and the pool probes the runner itself",
    async (_, run, said) => {
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
      await waitFor(() => looks >= 5, { what: "five health checks" });
      expect(await call()).toBe("pong");
      expect(failures(logged)).toEqual([expect.stringMatching(said)]);
      expect(failures(logged)[0]).toMatch(
        /^backend\.healthCheck of pool "default" .*; the runner itself is probed instead/,
      );
      expect(failures(logged, "flame.runner.terminated")).toEqual([]);
      expect(flame.pools["default"]!.stats().runners.idle).toBe(1);
    },
  );

  test("that never settles is logged and does not block calls", async () => {
    const { logged, call } = await withPool(() => ({ healthCheck: () => new Promise(() => {}) }), {
      healthCheckMs: 20,
      max: 1,
    });
    expect(await call()).toBe("pong");
    await waitFor(() => failures(logged).length > 0, { what: "the failure to be logged", timeoutMs: 10_000 });
    expect(failures(logged)).toEqual([expect.stringContaining("did not settle within 5000 ms")]);
    expect(await call()).toBe("pong");
  });
});

describe("terminate", () => {
  test.each(throws)("that %s is logged, and the pool shuts down", async (_, run, said) => {
    const { flame, logged, call } = await withPool(() => ({ terminate: run }));
    expect(await call()).toBe("pong");
    await flame.shutdown();
    expect(failures(logged, "flame.runner.not_ended")).toEqual([expect.stringMatching(said)]);
  });

  test("that never settles is logged, and the pool shuts down", async () => {
    const { flame, logged, call } = await withPool(() => ({ terminate: () => new Promise(() => {}) }), {
      spawnTimeoutMs: 2_000,
    });
    expect(await call()).toBe("pong");
    await flame.shutdown();
    expect(failures(logged, "flame.runner.not_ended")).toEqual([
      expect.stringContaining("it did not settle within 4000 ms"),
    ]);
  });

  test.each(returns)("that %s succeeds", async (_, run) => {
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
  test.each([...throws, ...returns])(
    "that %s do not affect the pool; failures are logged once per hook",
    async (what, run, said) => {
      const hooks = { onGrow: run, onShrink: run, onSaturated: run };
      const { logged, call } = await withPool(() => ({}), { max: 1, idleShutdownMs: 0, ...hooks });
      for (let i = 0; i < 3; i++) {
        expect(await Promise.all([call(), call(), call()])).toEqual(["pong", "pong", "pong"]);
        await waitFor(() => failures(logged, "flame.runner.terminated").length === i + 1, {
          what: "the runner to end",
        });
      }
      const named = failures(logged).map((message) => message.split(" ")[0]);
      expect(named.sort()).toEqual(what.startsWith("returns") ? [] : ["onGrow", "onSaturated", "onShrink"]);
      for (const message of failures(logged)) expect(message).toMatch(said);
    },
  );
});

describe("a logger", () => {
  beforeEach(() => void vi.spyOn(console, "error").mockImplementation(() => {}));
  afterEach(() => vi.restoreAllMocks());

  test.each([...throws, ...returns, ["never settles", () => new Promise(() => {}), /./] as const])(
    "that %s does not affect calls, boots or shutdown",
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
