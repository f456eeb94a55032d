import { Cause, Effect, Exit, Option } from "effect";
import { describe, expect, test } from "vitest";
import { ConfigError, InvokeError, RegistryError, type CallError } from "../../../src/contract/errors.ts";
import type { InvocationContext } from "../../../src/contract/api/invocation.ts";
import type { CallOptions } from "../../../src/contract/config/options.ts";
import { createRegistry, type Registry } from "../../../src/contract/api/registry.ts";
import { asPromise } from "../../../src/contract/api/caller.ts";
import { toEffect, type Caller } from "../../../src/contract/api/remote-method.ts";
import { defineMethod } from "../../../src/contract/api/service.ts";
import { makeServiceFactories, type ServiceFactories } from "../../../src/service-factories.ts";

interface Seen {
  readonly method: string;
  readonly args: ReadonlyArray<unknown>;
  readonly options: CallOptions;
}

const context = { invocationId: "i-1" } as InvocationContext;

/** Runs methods directly from the registry and records the calls. */
const setup = (
  answer?: Effect.Effect<unknown, CallError>,
): ServiceFactories & { registry: Registry; seen: Array<Seen> } => {
  const registry = createRegistry();
  const seen: Array<Seen> = [];
  const caller: Caller = {
    call: (method, args, options) => {
      seen.push({ method, args, options });
      return answer ?? Effect.promise(async () => registry.find(method)?.invoke(context, args));
    },
    run: (method, args, options) => asPromise(caller.call(method, args, options), method),
    fanOut: () => () => Effect.die("see fan-out.test.ts"),
  };
  return { ...makeServiceFactories(registry, caller), registry, seen };
};

describe("a service", () => {
  test("can be defined as service(id, …) and as service.id(…)", async () => {
    const { service, registry } = setup();
    const one = service("one", { add: async (a: number, b: number) => a + b });
    const two = service.two!({ add: async (a: number, b: number) => a + b });
    expect(await one.add(1, 2)).toBe(3);
    expect(await two.add(3, 4)).toBe(7);
    expect(registry.services().map(({ id }) => id)).toEqual(["one", "two"]);
  });

  test("passes the context to defineMethod handlers but not to plain functions", async () => {
    const { service } = setup();
    const s = service("s", {
      plain: (...args: Array<unknown>) => args,
      defined: defineMethod("defined", (ctx, ...args: Array<unknown>) => [ctx.invocationId, ...args]),
      withIdProperties: defineMethod.withIdProperties!((ctx, ...args: Array<unknown>) => [ctx.invocationId, ...args]),
    });
    expect(await s.plain(1)).toEqual([1]);
    expect(await s.defined(1)).toEqual(["i-1", 1]);
    expect(await s.withIdProperties(2)).toEqual(["i-1", 2]);
  });

  test("calls plain functions with the definition as this", async () => {
    const { service } = setup();
    const counter = service("counter", {
      step: () => 2,
      twice(n: number): number {
        return this.step() * n;
      },
    });
    expect(await counter.twice(5)).toBe(10);
  });

  test("names a method by the id of its defineMethod, not by its key", async () => {
    const { service, seen, registry } = setup();
    const s = service("s", { chargeCard: defineMethod("charge", () => "ok") });
    expect(await s.chargeCard()).toBe("ok");
    expect(seen[0]?.method).toBe("s/charge");
    expect(registry.find("s/chargeCard")).toBeUndefined();
  });

  test("is immutable, and awaiting it calls no method", async () => {
    const { service, seen } = setup();
    const s = service("s", { a: () => 1 });
    expect(() => Object.assign(s, { b: () => 2 })).toThrow(TypeError);
    expect(await (s as unknown)).toBe(s);
    expect(await (service as unknown)).toBe(service);
    expect(seen).toEqual([]);
  });

  test("can be defined again with the same functions but not with different ones", () => {
    const { service } = setup();
    const definition = { a: () => 1, b: defineMethod("b", () => 2) };
    service("s", definition);
    expect(() => service("s", definition)).not.toThrow();
    expect(() => service("s", { c: () => 3 })).not.toThrow();
    expect(() => service("s", { a: () => 1 })).toThrow(/s\/a is already registered with a different handler/);
    expect(() => service("t", { one: defineMethod("x", () => 1), two: defineMethod("x", () => 2) })).toThrow(
      RegistryError,
    );
  });

  test.each([
    ["a number", { rate: 3 }, /Member "rate" of service "s" is a number.*defineMethod\("rate", …\)/],
    ["an object", { nested: { a: (): number => 1 } }, /Member "nested" of service "s" is an object/],
    ["undefined", { gone: undefined }, /Member "gone" of service "s" is undefined/],
    ["a member with an invalid id", { "a b": (): number => 1 }, /"a b" is an invalid method id/],
    ["a definition without methods", {}, /has no methods/],
    [
      "an instance of a class",
      new (class Billing {
        charge(): number {
          return 1;
        }
      })(),
      /@flameService/,
    ],
    ["null", null, /got null/],
  ])("rejects %s", (_what, definition, message) => {
    const { service, registry } = setup();
    expect(() => service("s", definition as never)).toThrow(
      expect.objectContaining({ _tag: "RegistryError", message: expect.stringMatching(message) }),
    );
    expect(registry.services()).toEqual([]);
  });

  test('rejects a member named "then", but accepts "then" as a method id', async () => {
    const { service } = setup();
    const go = defineMethod("then", () => "went");
    // oxlint-disable-next-line unicorn/no-thenable
    expect(() => service("s", { then: go })).toThrow(/every await of the service/);
    expect(await service("s", { go }).go()).toBe("went");
  });

  test("rejects invalid ids", () => {
    const { service, fn } = setup();
    expect(() => service("a/b", { a: () => 1 })).toThrow(RegistryError);
    expect(() => fn("", () => 1)).toThrow(RegistryError);
    expect(() => defineMethod("a b", () => 1)).toThrow(RegistryError);
    expect(() => defineMethod("a", "not a function" as never)).toThrow(/got a string as its handler/);
  });
});

describe("service.id(…), fn.id(…) and defineMethod.id(…)", () => {
  test("leave the properties of functions unchanged", () => {
    const { service } = setup();
    const maker = service as unknown as Record<string, unknown>;
    for (const key of ["call", "apply", "bind", "constructor", "toString", "hasOwnProperty"]) {
      expect(maker[key], key).toBe(Reflect.get(Function.prototype, key));
    }
    expect(maker["length"]).toBeTypeOf("number");
    expect(maker["name"]).toBeTypeOf("string");
    for (const key of ["then", "toJSON", "prototype", "arguments", "caller"]) expect(maker[key], key).toBeUndefined();
  });

  test("can be written in the string form for ids that are function properties", async () => {
    const { service, fn } = setup();
    for (const id of ["then", "call", "apply", "bind", "length", "name", "prototype"]) {
      expect(await service(id, { go: () => id }).go()).toBe(id);
      expect(await fn(`${id}.fn`, () => id)()).toBe(id);
      expect(defineMethod(id, () => id).id).toBe(id);
    }
  });
});

describe("fn", () => {
  test("registers a function as the method default of its own service", async () => {
    const { fn, fnEffect, seen } = setup();
    const ping = fn("ping", async () => "pong");
    const echo = fn.echo!((value: string) => value);
    const who = fn(
      "who",
      defineMethod("me", (ctx) => ctx.invocationId),
    );
    const wait = fnEffect("wait", async () => "waited");
    expect(await ping()).toBe("pong");
    expect(await echo("a")).toBe("a");
    expect(await who()).toBe("i-1");
    expect(await Effect.runPromise(wait())).toBe("waited");
    expect(seen.map(({ method }) => method)).toEqual(["ping/default", "echo/default", "who/me", "wait/default"]);
  });
});

describe("options", () => {
  test("of the call override those of the method, which override those of the service, field by field", async () => {
    const { service, seen } = setup();
    const signal = new AbortController().signal;
    const s = service(
      "s",
      { a: defineMethod("a", () => 1, { timeoutMs: 20, retry: { maxAttempts: 3 } }), b: () => 2 },
      { pool: "gpu", timeoutMs: 10, retry: { maxAttempts: 2, baseDelayMs: 7 } },
    );
    await s.a();
    await s.b();
    await s.a.with({ timeoutMs: 30, signal, idempotencyKey: "k" })();
    await s.a.with({ timeoutMs: 30, signal }).with({ pool: "cpu" })();
    expect(seen.map(({ options }) => options)).toEqual([
      { pool: "gpu", timeoutMs: 20, retry: { maxAttempts: 3, baseDelayMs: 7 } },
      { pool: "gpu", timeoutMs: 10, retry: { maxAttempts: 2, baseDelayMs: 7 } },
      { pool: "gpu", timeoutMs: 30, idempotencyKey: "k", signal, retry: { maxAttempts: 3, baseDelayMs: 7 } },
      { pool: "cpu", timeoutMs: 30, signal, retry: { maxAttempts: 3, baseDelayMs: 7 } },
    ]);
    await s.a();
    expect(seen[4]?.options).toEqual(seen[0]?.options);
  });

  test("apply to calls as Effects", async () => {
    const { serviceEffect, service, seen } = setup();
    const s = serviceEffect("s", { a: () => 1 });
    await Effect.runPromise(s.a.with({ timeoutMs: 5 })());
    const promised = service("p", { a: async () => 1 }, { pool: "gpu" });
    await Effect.runPromise(toEffect(promised.a.with({ timeoutMs: 6 }))());
    await Effect.runPromise(toEffect(promised).a.with({ timeoutMs: 7 })());
    expect(seen.map(({ options }) => options)).toEqual([
      { timeoutMs: 5 },
      { pool: "gpu", timeoutMs: 6 },
      { pool: "gpu", timeoutMs: 7 },
    ]);
  });

  test("are validated where they are passed", () => {
    const { service, fn } = setup();
    const s = service("s", { a: () => 1 });
    expect(() => service("x", { a: () => 1 }, { timeoutMs: -1 })).toThrow(/service "x": timeoutMs is -1/);
    expect(() => fn("x", () => 1, { retry: { maxAttempts: 0 } })).toThrow(/fn "x": retry.maxAttempts is 0/);
    expect(() => defineMethod("x", () => 1, { idempotencyKey: "ü" })).toThrow(ConfigError);
    expect(() => s.a.with({ timeoutMs: Number.NaN })).toThrow(/s\/a\.with: timeoutMs is NaN/);
  });
});

describe("a call", () => {
  const failure = new InvokeError("timeout", "too late");

  test("rejects the promise, or fails the Effect, with the same error instance", async () => {
    const { service, serviceEffect } = setup(Effect.fail(failure));
    await expect(service("s", { a: () => 1 }).a()).rejects.toBe(failure);
    const exit = await Effect.runPromiseExit(serviceEffect("e", { a: () => 1 }).a());
    expect(Exit.isFailure(exit) && Option.getOrUndefined(Cause.findErrorOption(exit.cause))).toBe(failure);
  });

  test("rejects with an InvokeError on a defect and on an interruption", async () => {
    const bug = new Error("bug");
    await expect(setup(Effect.die(bug)).fn("f", () => 1)()).rejects.toMatchObject({
      _tag: "InvokeError",
      code: "invoke_error",
      cause: bug,
      method: "f/default",
    });
    await expect(setup(Effect.interrupt).fn("f", () => 1)()).rejects.toMatchObject({
      _tag: "InvokeError",
      code: "canceled",
    });
  });

  test("starts synchronously as a promise, and when it is run as an Effect", () => {
    const { fn, fnEffect, seen } = setup(Effect.succeed(1));
    void fn("now", () => 1)();
    expect(seen.map(({ method }) => method)).toEqual(["now/default"]);
    const later = fnEffect("later", () => 1)();
    expect(seen).toHaveLength(1);
    Effect.runSync(later);
    Effect.runSync(later);
    expect(seen.map(({ method }) => method)).toEqual(["now/default", "later/default", "later/default"]);
  });
});

describe("toEffect", () => {
  test("accepts a method, a function and a service", async () => {
    const { service, fn } = setup();
    const calc = service("calc", { square: async (n: number) => n * n, twice: (n: number) => 2 * n });
    const ping = fn("ping", async () => "pong");
    expect(await Effect.runPromise(toEffect(calc.square)(4))).toBe(16);
    expect(await Effect.runPromise(toEffect(ping)())).toBe("pong");
    const effects = toEffect(calc);
    expect(Object.keys(effects)).toEqual(["square", "twice"]);
    expect(await Effect.runPromise(effects.twice(4))).toBe(8);
  });

  test("rejects functions and objects that are not remote", () => {
    const { service } = setup();
    const calc = service("calc", { square: async (n: number) => n * n });
    expect(() => toEffect(async () => 1)).toThrow(RegistryError);
    expect(() => toEffect(calc.square.bind(calc))).toThrow(/without binding or wrapping it/);
    expect(() => toEffect({ a: async () => 1 })).toThrow(/without remote methods/);
  });
});
