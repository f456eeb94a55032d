import { Registry as PromRegistry } from "prom-client";
import { Cause, Effect, Exit, Fiber, Option } from "effect";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import {
  ConfigError,
  createFlame,
  createRegistry,
  currentInvocation,
  defineMethod,
  flame as sharedFlame,
  FlameError,
  FlameMethodError,
  FlameService,
  flameService,
  InvokeError,
  toEffect,
  type Flame,
  type FlameConfig,
  type FlameParts,
  type Logger,
} from "../src/index.ts";
import { startProcess } from "./harness/start-process.ts";

const silent: Logger = { info: () => {}, warn: () => {}, error: () => {} };
const security = { secret: "a secret of the tests" };

const make = (config: FlameConfig = {}, parts?: FlameParts): Flame => {
  const flame = createFlame({ logger: silent, ...config }, parts);
  onTestFinished(() => flame.shutdown());
  return flame;
};

const deferred = <A>(): { readonly promise: Promise<A>; readonly resolve: (value: A) => void } =>
  Promise.withResolvers<A>();

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("local mode", () => {
  test("runs services and functions, called with promises and as Effects", async () => {
    const flame = make({ mode: "local" });
    const Billing = flame.service("billing", {
      charge: defineMethod("charge", async (_ctx, req: { amount: number }) => ({ ok: true, charged: req.amount })),
    });
    const math = flame.serviceEffect("svc", { add: async (a: number, b: number) => a + b });
    const ping = flame.fn("ping", async () => "pong");
    const pong = flame.fnEffect("pong", async () => "ping");
    expect(await Billing.charge({ amount: 50 })).toEqual({ ok: true, charged: 50 });
    expect(await Effect.runPromise(math.add(1, 2))).toBe(3);
    expect(await ping()).toBe("pong");
    expect(await Effect.runPromise(pong())).toBe("ping");
    expect(await Effect.runPromise(flame.toEffect(ping)())).toBe("pong");
    expect(await Effect.runPromise(toEffect(Billing).charge({ amount: 3 }))).toEqual({ ok: true, charged: 3 });
    expect(flame.registry.getService("ping")?.methods.has("default")).toBe(true);
  });

  test("serializes arguments and results like a remote call", async () => {
    const flame = make({ mode: "local" });
    const given = { when: new Date(0), tags: new Set(["a"]) };
    let seen: unknown;
    const keep = flame.fn("keep", async (value: typeof given) => {
      seen = value;
      return value;
    });
    const back = await keep(given);
    expect(seen).toEqual(given);
    expect(seen).not.toBe(given);
    expect(back).not.toBe(seen);
    await expect(flame.fn("bad", async (f: () => void) => f)(() => {})).rejects.toMatchObject({
      code: "serialization_error",
      phase: "encode",
      executed: "no",
    });
  });

  test("passes the invocation to the handler, and currentInvocation() returns it", async () => {
    const flame = make({ mode: "local" });
    const who = flame.service("who", {
      handed: defineMethod("handed", (ctx) => [ctx.method, ctx.invocationId === currentInvocation()?.invocationId]),
      found: () => currentInvocation()?.method,
      key: () => currentInvocation()?.idempotencyKey,
    });
    expect(await who.handed()).toEqual(["who/handed", true]);
    expect(await who.found()).toBe("who/found");
    expect(await who.key.with({ idempotencyKey: "k-1" })()).toBe("k-1");
    expect(currentInvocation()).toBeUndefined();
  });

  test("with() applies its options to that call only", async () => {
    const flame = make({ mode: "local" });
    const left = flame.fn(
      "left",
      defineMethod("left", (ctx) => Number(ctx.deadline) - Date.now()),
      { timeoutMs: 60_000 },
    );
    const hang = flame.fn(
      "hang",
      defineMethod(
        "hang",
        (ctx) => new Promise<void>((resolve) => ctx.signal.addEventListener("abort", () => resolve())),
      ),
    );
    expect(await left.with({ timeoutMs: 500 })()).toBeLessThanOrEqual(500);
    expect(await left()).toBeGreaterThan(30_000);
    await expect(hang.with({ timeoutMs: 20 })()).rejects.toMatchObject({
      _tag: "InvokeError",
      code: "timeout",
      method: "hang/hang",
    });
  });

  test("aborting the call's signal or interrupting its Effect aborts the handler's signal", async () => {
    const flame = make({ mode: "local" });
    const started = [deferred<void>(), deferred<void>()] as const;
    const aborted = [deferred<void>(), deferred<void>()] as const;
    const hang = flame.fn(
      "hang",
      defineMethod("hang", (ctx, index: 0 | 1) => {
        ctx.signal.addEventListener("abort", () => aborted[index].resolve());
        started[index].resolve();
        return new Promise<void>(() => {});
      }),
    );
    const controller = new AbortController();
    const call = hang.with({ signal: controller.signal })(0);
    await started[0].promise;
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: "canceled" });
    await aborted[0].promise;

    const fiber = Effect.runFork(toEffect(hang)(1));
    await started[1].promise;
    await Effect.runPromise(Fiber.interrupt(fiber));
    await aborted[1].promise;
  });

  test("a handler's failure rejects the promise and fails the Effect with an InvokeError", async () => {
    const flame = make({ mode: "local" });
    const declined = flame.fn("declined", async (): Promise<void> => {
      throw new FlameMethodError("card_declined", "The card was declined.");
    });
    await expect(declined()).rejects.toMatchObject({
      _tag: "InvokeError",
      code: "remote_error",
      remote: { code: "card_declined" },
    });
    const caught = await Effect.runPromise(
      toEffect(declined)().pipe(Effect.catchTag("InvokeError", (error) => Effect.succeed(error.remote?.code))),
    );
    expect(caught).toBe("card_declined");
  });

  test("calls of a decorated method go through the client and run on the runner's class instance", async () => {
    const flame = make({ mode: "local" });
    let made = 0;
    class Counter {
      readonly serial: number = ++made;
      async who(): Promise<ReadonlyArray<unknown>> {
        return [this.serial, currentInvocation()?.method];
      }
    }
    flame.serviceDecorator("counter")(Counter);
    const mine = new Counter();
    expect(await mine.who()).toEqual([2, "counter/who"]);
    expect(await new Counter().who()).toEqual([2, "counter/who"]);
    expect(await Effect.runPromise(toEffect(mine).who())).toEqual([2, "counter/who"]);
  });
});

describe("configuration", () => {
  const modeOf = async (flame: Flame): Promise<string> => {
    const call = await flame
      .fn("mode", async () => currentInvocation() !== undefined)()
      .catch((error: unknown) => error);
    return call === true ? "here" : call instanceof FlameError ? call.code : String(call);
  };

  test("reads the mode from the configuration, then FLAME_MODE, then FLAME_RUNNER, and defaults to parent", async () => {
    vi.stubEnv("RUNNER_URL", undefined);
    expect(await modeOf(make())).toBe("config_error");
    vi.stubEnv("FLAME_RUNNER", "true");
    expect(await modeOf(make())).toBe("here");
    vi.stubEnv("FLAME_MODE", "parent");
    expect(await modeOf(make())).toBe("config_error");
    expect(await modeOf(make({ mode: "local" }))).toBe("here");
  });

  test("is read at the first call, not when the instance is created", async () => {
    const flame = make();
    const ping = flame.fn("ping", async () => "pong");
    vi.stubEnv("FLAME_MODE", "nonsense");
    await expect(ping()).rejects.toMatchObject({
      _tag: "ConfigError",
      message: 'FLAME_MODE is "nonsense". Use "parent", "runner" or "local".',
    });
    vi.stubEnv("FLAME_MODE", "local");
    expect(await ping()).toBe("pong");
  });

  test("a runner without pools runs its calls itself, and one with pools sends them to its pools", async () => {
    expect(await modeOf(make({ mode: "runner" }))).toBe("here");
    expect(
      await modeOf(make({ mode: "runner", pools: { default: { runners: [{ url: "http://127.0.0.1:9" }] } } })),
    ).toBe("config_error");
  });

  test("configure rejects an invalid configuration and keeps the previous one", async () => {
    const flame = make({ mode: "local" });
    const ping = flame.fn("ping", async () => "pong");
    await expect(flame.configure({ mode: "parent", runnerUrl: "not a url" })).rejects.toBeInstanceOf(ConfigError);
    await expect(flame.configure(null as never)).rejects.toThrow(/configure: the configuration is null/);
    expect(await ping()).toBe("pong");
  });

  test("configure merges into the previous configuration: pools by name, security by field", async () => {
    const flame = make({
      mode: "parent",
      pools: { a: { runners: [{ url: "http://127.0.0.1:9" }] } },
      security: { keyId: "k" },
    });
    await flame.configure({
      pools: { b: { runners: [{ url: "http://127.0.0.1:9" }] } },
      security: { secret: "s" },
      defaultPool: undefined,
    });
    const error = await flame
      .fn("f", async () => 1)
      .with({ pool: "c" })()
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ _tag: "ConfigError", message: expect.stringContaining("known pools: a, b") });
    await expect(flame.fn("f.a", async () => 1).with({ pool: "a" })()).rejects.toMatchObject({
      _tag: "InvokeError",
      code: "transport_error",
    });
  });

  test("a call in progress keeps the configuration that it started with", async () => {
    const flame = make({ mode: "local", requestTimeoutMs: 60_000 });
    const go = deferred<void>();
    const slow = flame.fn("slow", async () => {
      await go.promise;
      return "done";
    });
    const call = slow();
    await flame.configure({ mode: "parent" });
    await expect(slow()).rejects.toBeInstanceOf(ConfigError);
    go.resolve();
    expect(await call).toBe("done");
  });
});

describe("a parent and a runner", () => {
  const setup = async (): Promise<{ readonly parent: Flame; readonly runner: Flame; readonly url: string }> => {
    const registry = createRegistry();
    const runner = make({ mode: "runner", security }, { registry });
    const server = runner.createRunnerServer({ port: 0, hostname: "127.0.0.1", handleSignals: false });
    expect(server.port).toBeGreaterThan(0);
    await server.ready;
    return { parent: make({ mode: "parent", runnerUrl: server.url, security }, { registry }), runner, url: server.url };
  };

  test("run calls over the wire and count them in the parent's metrics", async () => {
    const { parent } = await setup();
    const Billing = parent.service("billing", {
      charge: defineMethod("charge", async (ctx, req: { amount: number }) => ({
        charged: req.amount,
        attempt: ctx.attempt,
      })),
    });
    expect(await Billing.charge({ amount: 50 })).toEqual({ charged: 50, attempt: 1 });
    expect(await Effect.runPromise(toEffect(Billing.charge)({ amount: 51 }))).toEqual({ charged: 51, attempt: 1 });
    const text = await parent.metrics();
    expect(text).toMatch(/rpc_client_call_duration_seconds_count\{[^}]*rpc_method="billing\/charge"[^}]*\} 2\b/);
    expect(parent.metrics.contentType).toContain("openmetrics");
  });

  test("run decorated methods over the wire", async () => {
    const { parent } = await setup();
    class Remote {
      readonly places: Array<string> = [];
      async where(): Promise<string | undefined> {
        return currentInvocation()?.method;
      }
    }
    parent.serviceDecorator("remote")(Remote);
    expect(await new Remote().where()).toBe("remote/where");
  });

  test("shutdown stops the instance's servers and rejects calls until the instance is configured again", async () => {
    const { parent, runner, url } = await setup();
    const ping = parent.fn("ping", async () => "pong");
    expect(await ping()).toBe("pong");
    await Promise.all([parent.shutdown(), parent.shutdown()]);
    await expect(ping()).rejects.toMatchObject({
      _tag: "InvokeError",
      code: "unavailable",
      executed: "no",
      retryable: false,
      method: "ping/default",
    });
    expect(() => parent.createRunnerServer({ port: 0 })).toThrow(InvokeError);
    await parent.configure({});
    expect(await ping()).toBe("pong");
    await runner.shutdown();
    await expect(fetch(`${url}/health`)).rejects.toThrow();
  });
});

describe("configure of an instance that has a runner server", () => {
  const options = { port: 0, hostname: "127.0.0.1" } as const;
  const store = { begin: () => ({ state: "started" }) as const, renew() {}, complete() {}, abandon() {} };
  const other = { info() {}, warn() {}, error() {} };

  test.each<[string, FlameConfig]>([
    ["security", { security: { secret: "another secret" } }],
    ["security", { security: { acceptKeys: [{ id: "next", secret: "another secret" }] } }],
    ["invokePath", { invokePath: "/rpc" }],
    ["maxBodyBytes", { maxBodyBytes: 1_000 }],
    ["exposeErrors", { exposeErrors: true }],
    ["idempotency", { idempotency: false }],
    ["idempotency", { idempotency: { store } }],
    ["isolation", { isolation: { graceMs: 5 } }],
    ["defaultPool", { defaultPool: "gpu" }],
    ["mode", { mode: "runner" }],
    ["logger", { logger: other }],
    ["telemetry", { telemetry: { traces: false } }],
  ])("rejects a change of %s until the server has stopped: %o", async (field, change) => {
    const flame = make({ security, telemetry: { metrics: false } });
    const server = flame.createRunnerServer({ ...options, runnerId: "r-7" });
    await expect(flame.configure(change)).rejects.toMatchObject({
      _tag: "ConfigError",
      message: expect.stringMatching(new RegExp(`^configure: ${field} cannot change while .* runner r-7`)),
    });
    await expect(flame.configure(change)).rejects.not.toMatchObject({ message: expect.stringContaining("another") });
    await server.stop();
    await flame.configure(change);
  });

  test("accepts changes of options that the server overrides or does not use", async () => {
    const flame = make();
    const server = flame.createRunnerServer({
      ...options,
      security,
      invokePath: "/rpc",
      maxBodyBytes: 900,
      exposeErrors: true,
    });
    await server.ready;
    const ping = flame.fn("ping", async () => "pong");
    await flame.configure({ runnerUrl: server.url, security, invokePath: "/rpc", exposeErrors: false });
    await flame.configure({ requestTimeoutMs: 5_000, security, pools: { more: { max: 3 } } });
    expect(await ping()).toBe("pong");
  });

  test("accepts any change after the server failed to listen", async () => {
    const flame = make({ security });
    const first = flame.createRunnerServer(options);
    const second = make({ security });
    const taken = second.createRunnerServer({ ...options, port: first.port });
    await first.ready;
    await expect(taken.ready).rejects.toMatchObject({ _tag: "ConfigError" });
    await second.configure({ exposeErrors: true });
  });
});

describe("shutdown", () => {
  test("does not close what a later configure creates", async () => {
    const flame = make({ mode: "local" });
    const ping = flame.fn("ping", async () => "pong");
    const ended = flame.shutdown();
    await flame.configure({});
    expect(await ping()).toBe("pong");
    await ended;
    expect(await ping()).toBe("pong");
  });
});

describe("metrics", () => {
  test("keep counting across a configure that does not change telemetry", async () => {
    const flame = make({ mode: "local" });
    const ping = flame.fn("ping", async () => "pong");
    await ping();
    await flame.configure({ requestTimeoutMs: 1_000 });
    await ping();
    expect(await flame.metrics()).toMatch(
      /rpc_client_call_duration_seconds_count\{[^}]*rpc_method="ping\/default"[^}]*\} 2\b/,
    );
  });

  test("are recorded in the prom-client registry from telemetry.metrics", async () => {
    const registry = new PromRegistry();
    const flame = make({ mode: "local", telemetry: { metrics: registry } });
    await flame.fn("ping", async () => "pong")();
    expect(await registry.metrics()).toContain('rpc_method="ping/default"');
    expect(flame.metrics.contentType).toBe(registry.contentType);
  });

  test("are empty when telemetry.metrics is false", async () => {
    const flame = make({ mode: "local", telemetry: { metrics: false } });
    await flame.fn("ping", async () => "pong")();
    expect(await flame.metrics()).toBe("");
    expect(flame.metrics.contentType).toMatch(/^text\/plain/);
  });
});

describe("FlameService", () => {
  test("provides an instance and shuts it down when its scope closes", async () => {
    let kept: Flame | undefined;
    const program = Effect.gen(function* () {
      const flame = yield* FlameService;
      kept = flame;
      return yield* flame.serviceEffect("math", { add: async (a: number, b: number) => a + b }).add(1, 2);
    });
    expect(await Effect.runPromise(Effect.provide(program, FlameService.layer({ mode: "local" })))).toBe(3);
    await expect(kept?.fn("late", async () => 1)()).rejects.toMatchObject({ code: "unavailable" });
  });

  test("fails with a ConfigError when the configuration is invalid", async () => {
    const exit = await Effect.runPromiseExit(
      Effect.provide(FlameService, FlameService.layer({ requestTimeoutMs: -1 })),
    );
    const error = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.findErrorOption(exit.cause)) : undefined;
    expect(error).toBeInstanceOf(ConfigError);
    expect(error?.message).toContain("requestTimeoutMs is -1");
  });
});

describe("the package", () => {
  test("await using shuts the instance down", async () => {
    let outside: Flame;
    {
      await using flame = createFlame({ mode: "local" });
      expect(await flame.fn("ping", async () => "pong")()).toBe("pong");
      outside = flame;
    }
    await expect(outside.fn("ping2", async () => "pong")()).rejects.toMatchObject({ code: "unavailable" });
  });

  test("flameService registers the class with the exported flame instance", () => {
    class Exported {
      async go(): Promise<void> {}
    }
    flameService("exported.test")(Exported);
    expect(sharedFlame.registry.getService("exported.test")?.methods.has("go")).toBe(true);
  });

  test("importing the package and defining a service starts nothing: the process exits by itself", async () => {
    const code = `
      const { flame } = await import(${JSON.stringify(new URL("../src/index.ts", import.meta.url).href)});
      flame.service("s", { a: async () => 1 });
      console.log("defined");
    `;
    await using child = await startProcess({
      command: [process.execPath, "-e", code],
      env: { FLAME_MODE: "nonsense" },
    });
    await child.waitForOutput(/^defined$/m);
    expect(await child.exited).toEqual({ code: 0, signal: null });
    expect(child.output()).toBe("defined\n");
  });
});
