/** Tests that apply to both legacy and standard decorators. Each kind provides its own classes. */
import { Effect } from "effect";
import { describe, expect, test } from "vitest";
import { makeDecorators, type MethodDecoratorMaker, type ServiceDecorator } from "../../src/contract/api/decorators.ts";
import { RegistryError } from "../../src/contract/errors.ts";
import { currentInvocation, type InvocationContext } from "../../src/contract/api/invocation.ts";
import type { CallOptions } from "../../src/contract/config/options.ts";
import { createRegistry, type Registry } from "../../src/contract/api/registry.ts";
import { asPromise } from "../../src/contract/api/caller.ts";
import { toEffect, type Caller } from "../../src/contract/api/remote-method.ts";

/** A process with decorators whose calls run handlers like a runner. */
export interface World {
  readonly flame: MethodDecoratorMaker;
  readonly flameService: ServiceDecorator;
  readonly registry: Registry;
  readonly calls: Array<{
    readonly method: string;
    readonly args: ReadonlyArray<unknown>;
    readonly options: CallOptions;
  }>;
  isRunner: boolean;
}

interface Billing {
  readonly serial: number;
  readonly madeInside: boolean;
  charge(amount: number): Promise<{ readonly total: number; readonly by: number }>;
  refund(amount: number): Promise<number>;
  who(): Promise<{ readonly by: number; readonly invocationId: string | undefined }>;
  fee(amount: number): number;
}

interface Animal {
  speak(): Promise<string>;
  legs(): Promise<number>;
}

/** The classes that each kind of decorators provides. */
export interface Classes {
  /** Number of arguments that this file's method decorators receive: 3 for legacy ones, 2 for standard ones. */
  readonly decoratorArguments: number;
  /** `@flameService("billing", { pool: "default", timeoutMs: 10 })`; `charge` is `@flame({ id: "charge-card", pool: "gpu" })`. */
  readonly Billing: new () => Billing;
  /** `@flameService()`, named Calculator, with `add` and the static `@flame("now")` now. */
  readonly Calculator: {
    new (): { add(a: number, b: number): Promise<number> };
    now(): Promise<string>;
    plain(): string;
  };
  /** `@flameService(undefined, { pool: "gpu", timeoutMs: 7 })`, with go. */
  readonly Nameless: new () => { go(): Promise<string> };
  /** Undecorated, with the static `@flame({ serviceId: "utils", id: "ping" })` ping. */
  readonly Tools: { ping(): Promise<string> };
  /** Undecorated, with `@flame({ serviceId: "loose" })` run. */
  readonly Loose: new () => { run(): Promise<string> };
  /** Undecorated, with `@flame("x")` x. */
  readonly Unbound: new () => { x(): Promise<number> };
  /** `@flameService("animal")`: speak, legs. */
  readonly Animal: new () => Animal;
  /** `@flameService("dog", { pool: "dogs" })`: extends Animal, overrides speak, which calls super, and adds fetch. */
  readonly Dog: new () => Animal & { fetch(): Promise<string> };
  /** `@flameService({ id: "db", factory })`; the factory is asynchronous and calls methods of the instance. */
  readonly Db: new (url: string) => { query(sql: string): Promise<string> };
  /** `@flameService("fragile")`: its constructor throws the first time. */
  readonly Fragile: new () => { go(): Promise<string> };
  /** Decorators in places where they cannot work. */
  readonly misuse: Readonly<
    Record<
      | "a field"
      | "a class without methods"
      | "a method without parentheses"
      | "a class without parentheses"
      | "two methods with one id",
      () => unknown
    >
  >;
}

export const makeWorld = (): World => {
  const registry = createRegistry();
  const calls: World["calls"] = [];
  const caller: Caller = {
    call: (method, args, options) => {
      calls.push({ method, args, options });
      const context = { invocationId: `invocation-${calls.length}` } as InvocationContext;
      return Effect.promise(async () =>
        currentInvocation.run(context, () => registry.find(method)?.invoke(context, args)),
      );
    },
    run: (method, args, options) => asPromise(caller.call(method, args, options), method),
    fanOut: () => () => Effect.die("not called by decorators"),
  };
  const world = { registry, calls, isRunner: false };
  const { method, service } = makeDecorators({ registry, caller, isRunner: () => world.isRunner });
  return Object.assign(world, { flame: method, flameService: service });
};

export const decoratorFacts = (kind: "legacy" | "standard", make: (world: World) => Classes): void => {
  const setup = (): World & Classes => {
    const world = makeWorld();
    return Object.assign(world, make(world));
  };
  const methodsOf = ({ registry }: World, id: string): ReadonlyArray<string> =>
    [...(registry.getService(id)?.methods.keys() ?? [])].sort();

  test(`the decorators of this file are compiled as ${kind} ones`, () => {
    expect(setup().decoratorArguments).toBe(kind === "legacy" ? 3 : 2);
  });

  describe(`a class with ${kind} decorators`, () => {
    test("registers its decorated and undecorated methods, and nothing else", () => {
      const world = setup();
      expect(methodsOf(world, "billing")).toEqual(["charge-card", "fee", "refund", "who"]);
    });

    test("accepts options without an id", async () => {
      const world = setup();
      expect(await new world.Nameless().go()).toBe("went");
      expect(world.calls).toEqual([{ method: "Nameless/go", args: [], options: { pool: "gpu", timeoutMs: 7 } }]);
    });

    test("defaults its id to its name and registers only decorated static methods", async () => {
      const world = setup();
      expect(methodsOf(world, "Calculator")).toEqual(["add", "now"]);
      expect(await world.Calculator.now()).toBe("now by Calculator");
      expect(world.Calculator.plain()).toBe("plain");
      expect(world.calls.map(({ method }) => method)).toEqual(["Calculator/now"]);
    });

    test("merges the options of the method over those of the class", async () => {
      const world = setup();
      const billing = new world.Billing();
      await billing.charge(1);
      await billing.refund(2);
      expect(world.calls).toEqual([
        { method: "billing/charge-card", args: [1], options: { pool: "gpu", timeoutMs: 10 } },
        { method: "billing/refund", args: [2], options: { pool: "default", timeoutMs: 10 } },
      ]);
    });

    test("runs calls on one instance that the runner creates outside of any invocation", async () => {
      const world = setup();
      const first = new world.Billing();
      const second = new world.Billing();
      const { by } = await first.who();
      expect([first.serial, second.serial]).not.toContain(by);
      expect((await second.who()).by).toBe(by);
      expect((await second.who()).invocationId).toBe("invocation-3");
      expect(first.madeInside).toBe(false);
    });

    test("calls methods directly from within a handler, including synchronous ones", async () => {
      const world = setup();
      const billing = new world.Billing();
      expect(await billing.charge(100)).toMatchObject({ total: 103 });
      expect(world.calls.map(({ method }) => method)).toEqual(["billing/charge-card"]);
    });

    test("runs methods in process on a runner, on the instance that was called", async () => {
      const world = setup();
      world.isRunner = true;
      const billing = new world.Billing();
      expect(await billing.who()).toEqual({ by: billing.serial, invocationId: undefined });
      expect(billing.fee(100)).toBe(3);
      expect(await world.Tools.ping()).toBe("pong by Tools");
      expect(world.calls).toEqual([]);
    });

    test("has methods that can be called without their instance, also on a runner", async () => {
      const world = setup();
      const { refund } = new world.Billing();
      expect(await refund(5)).toBe(5);
      world.isRunner = true;
      expect(await refund(6)).toBe(6);
      expect(world.calls.map(({ args }) => args)).toEqual([[5], [6]]);
    });

    test("has methods that toEffect converts to Effects", async () => {
      const world = setup();
      const billing = new world.Billing();
      world.isRunner = true;
      expect(await Effect.runPromise(toEffect(billing.refund)(5))).toBe(5);
      expect(await Effect.runPromise(toEffect(billing.refund).with({ timeoutMs: 3 })(6))).toBe(6);
      expect(await Effect.runPromise(toEffect(billing).refund(7))).toBe(7);
      expect(await Effect.runPromise(toEffect(world.Tools.ping)())).toBe("pong by Tools");
      expect(world.calls.map(({ options }) => options.timeoutMs)).toEqual([10, 3, 10, undefined]);
      expect(Object.keys(toEffect(new world.Dog())).sort()).toEqual(["fetch", "legs", "speak"]);
    });
  });

  describe(`a method with a ${kind} decorator that names its service`, () => {
    test("is remote without a decorated class if it is static", async () => {
      const world = setup();
      expect(methodsOf(world, "utils")).toEqual(["ping"]);
      expect(await world.Tools.ping()).toBe("pong by Tools");
      expect(world.calls).toEqual([{ method: "utils/ping", args: [], options: {} }]);
    });

    test("runs on an instance of its class if it is not static", async () => {
      const world = setup();
      expect(methodsOf(world, "loose")).toEqual(["run"]);
      expect(await new world.Loose().run()).toBe("ran on Loose");
      expect(world.calls.map(({ method }) => method)).toEqual(["loose/run"]);
    });

    test("rejects when neither it nor its class names a service", async () => {
      const { Unbound } = setup();
      await expect(new Unbound().x()).rejects.toMatchObject({
        _tag: "RegistryError",
        message: expect.stringContaining("Put @flameService(…) on its class"),
      });
      expect(await Effect.runPromiseExit(Effect.orDie(toEffect(new Unbound().x)()))).toMatchObject({ _tag: "Failure" });
    });
  });

  describe(`inheritance with ${kind} decorators`, () => {
    test("a service includes inherited remote methods, with its own instance and options", async () => {
      const world = setup();
      expect(methodsOf(world, "animal")).toEqual(["legs", "speak"]);
      expect(methodsOf(world, "dog")).toEqual(["fetch", "legs", "speak"]);
      const dog = new world.Dog();
      expect(await dog.legs()).toBe(4);
      expect(await new world.Animal().legs()).toBe(0);
      expect(world.calls.map(({ method, options }) => [method, options.pool])).toEqual([
        ["dog/legs", "dogs"],
        ["animal/legs", undefined],
      ]);
    });

    test("super calls stay in process", async () => {
      const world = setup();
      expect(await new world.Dog().speak()).toBe("noise: woof");
      expect(await new world.Animal().speak()).toBe("noise");
      expect(world.calls.map(({ method }) => method)).toEqual(["dog/speak", "animal/speak"]);
    });
  });

  describe(`the instance of a class with ${kind} decorators`, () => {
    test("is created by the factory, which may be async and call its methods", async () => {
      const world = setup();
      const [one, two] = await Promise.all([new world.Db("unused").query("a"), new world.Db("unused").query("b")]);
      expect([one, two]).toEqual(["a at db://1 after connect, migrate", "b at db://1 after connect, migrate"]);
      expect(world.calls.map(({ method }) => method)).toEqual(["db/query", "db/query"]);
    });

    test("is created again by the next call if its creation failed, and the error has the cause", async () => {
      const { registry } = setup();
      const go = registry.find("fragile/go");
      const error = await Promise.resolve()
        .then(() => go?.invoke({} as InvocationContext, []))
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(RegistryError);
      expect(error).toMatchObject({
        message: expect.stringMatching(
          /Failed to create an instance of Fragile.*no database yet.*factory: \(\) => new Fragile/,
        ),
        cause: { message: "no database yet" },
      });
      expect(await go?.invoke({} as InvocationContext, [])).toBe("went");
    });
  });

  describe(`misused ${kind} decorators`, () => {
    test.each([
      ["a field", /@flame cannot decorate value: only methods/],
      ["a class without methods", /Empty has no methods/],
      ["a method without parentheses", /@flame needs parentheses/],
      ["a class without parentheses", /@flameService needs parentheses/],
      ["two methods with one id", /twice\/same is already registered with a different handler/],
    ] as const)("throw at the declaration of %s", (what, message) => {
      const { misuse } = setup();
      expect(misuse[what]).toThrow(
        expect.objectContaining({ _tag: "RegistryError", message: expect.stringMatching(message) }),
      );
    });

    test("throw where invalid ids and options are passed", () => {
      const { flame, flameService, registry } = makeWorld();
      expect(() => flame("a b")).toThrow(RegistryError);
      expect(() => flame({ serviceId: "a/b" })).toThrow(RegistryError);
      expect(() => flame({ timeoutMs: -1 })).toThrow(/timeoutMs is -1/);
      expect(() => flameService("a b")).toThrow(RegistryError);
      expect(() => flameService({ retry: { maxAttempts: 0 } })).toThrow(/retry.maxAttempts is 0/);
      expect(() => flameService({ factory: 3 as never })).toThrow(/@flameService\(\): factory is 3/);
      expect(() => flame({ id: "x", timeoutMs: -1 })).toThrow('@flame("x"): timeoutMs is -1');
      expect(() => flame(null as never)).toThrow("@flame(): options is null");
      expect(() => flameService(undefined, { timeoutMs: -1 })).toThrow("@flameService(): timeoutMs is -1");
      expect(() => flameService("x", null as never)).toThrow('@flameService("x"): options is null');
      expect(() => flameService({ id: "x" } as never, { timeoutMs: 1 })).toThrow(
        '@flameService("x"): the options are given twice',
      );
      expect(() => flameService("x", { id: "y" } as never)).toThrow(
        'options.id is "y", which differs from the first argument',
      );
      expect(registry.services()).toEqual([]);
    });
  });
};
