/** Type tests of services and functions. */
import type { Effect } from "effect";
import { expectTypeOf } from "vitest";
import {
  createFlame,
  currentInvocation,
  defineMethod,
  flame,
  toEffect,
  type CallError,
  type ConfigError,
  type FlameService,
  type InvocationContext,
  type InvokeError,
  type Job,
  type MapOutcome,
  type MapRun,
  type RegistryError,
} from "../../src/index.ts";

interface Charge {
  readonly amount: number;
}

const Billing = flame.service("billing", {
  charge: defineMethod("charge", async (_ctx, req: Charge) => ({ ok: true, charged: req.amount })),
  named: defineMethod.named!(async (_ctx, req: Charge, note?: string) => `${req.amount}${note ?? ""}`),
  sync: defineMethod("sync", (_ctx, ...amounts: Array<number>) => amounts.length),
  plain: (a: number, b: string) => `${a}${b}`,
  async object(first: boolean): Promise<"yes" | "no"> {
    return first ? "yes" : "no";
  },
});

// Callers do not pass the context, results are inferred, and synchronous handlers return promises to callers.
expectTypeOf(Billing.charge).parameters.toEqualTypeOf<[req: Charge]>();
expectTypeOf(Billing.charge({ amount: 1 })).toEqualTypeOf<Promise<{ ok: boolean; charged: number }>>();
expectTypeOf(Billing.named).parameters.toEqualTypeOf<[req: Charge, note?: string]>();
expectTypeOf(Billing.named({ amount: 1 })).toEqualTypeOf<Promise<string>>();
expectTypeOf(Billing.sync(1, 2, 3)).toEqualTypeOf<Promise<number>>();
expectTypeOf(Billing.plain(1, "a")).toEqualTypeOf<Promise<string>>();
expectTypeOf(Billing.object(true)).toEqualTypeOf<Promise<"yes" | "no">>();

// @ts-expect-error The argument is missing.
void Billing.charge();
// @ts-expect-error The argument has the wrong type.
void Billing.charge({ amount: "50" });
// @ts-expect-error There is one argument too many.
void Billing.plain(1, "a", true);
// @ts-expect-error There is no such method.
void Billing.refund;
// @ts-expect-error A service cannot be changed.
Billing.plain = async () => "";
// @ts-expect-error A caller passes no context.
void Billing.charge({} as InvocationContext, { amount: 1 });

// The named spelling has the same types. (This project sets noUncheckedIndexedAccess, hence the `!`.)
const Billing2 = flame.service.billing!({
  charge: defineMethod.charge!(async (_ctx, req: { amount: number }) => ({ ok: true as const, at: req.amount })),
});
expectTypeOf(Billing2.charge({ amount: 50 })).toEqualTypeOf<Promise<{ ok: true; at: number }>>();

// The type of the handler's context is inferred.
defineMethod("context", (ctx) => {
  expectTypeOf(ctx).toEqualTypeOf<InvocationContext>();
  expectTypeOf(ctx.signal).toEqualTypeOf<AbortSignal>();
});
expectTypeOf(currentInvocation()).toEqualTypeOf<InvocationContext | undefined>();

// `.with` returns the same type and accepts only call options.
expectTypeOf(Billing.charge.with({ timeoutMs: 5, signal: new AbortController().signal })).toEqualTypeOf(Billing.charge);
expectTypeOf(Billing.object.with({}).with({ pool: "gpu" })(true)).toEqualTypeOf<Promise<"yes" | "no">>();
// @ts-expect-error There is no such option.
Billing.charge.with({ timeout: 5 });
// @ts-expect-error A duration is a number.
Billing.plain.with({ timeoutMs: "5" });
// @ts-expect-error Arguments are still checked.
void Billing.charge.with({})({ amount: "50" });

// Plain asynchronous functions keep their type parameters; those of others become their constraints.
const Generic = flame.service("generic", {
  first: async <Item>(items: ReadonlyArray<Item>): Promise<Item | undefined> => items[0],
  bounded: defineMethod("bounded", async <Item extends { id: number }>(_ctx: InvocationContext, item: Item) => item),
});
expectTypeOf(Generic.first(["a", "b"])).toEqualTypeOf<Promise<string | undefined>>();
expectTypeOf(Generic.first.with({ timeoutMs: 1 })([1])).toEqualTypeOf<Promise<number | undefined>>();
expectTypeOf(Generic.bounded({ id: 1 })).toEqualTypeOf<Promise<{ id: number }>>();

// Anything but a method is rejected.
// @ts-expect-error A number is not a method.
flame.service("bad", { rate: 3 });
// @ts-expect-error A nested service is not a method.
flame.service("bad", { nested: { a: async () => 1 } });
// @ts-expect-error An id is required.
flame.service({ a: async () => 1 });

// Maps: each item is the first argument; onError determines the type of the results.
expectTypeOf(Billing.charge.map([{ amount: 1 }])).toEqualTypeOf<MapRun<{ ok: boolean; charged: number }>>();
expectTypeOf<Awaited<ReturnType<typeof readNamed>>>().toEqualTypeOf<ReadonlyArray<string>>();
const readNamed = () => Billing.named.with({ timeoutMs: 1 }).map(new Set<Charge>(), { ordered: false });
expectTypeOf(Billing.sync.map([1], { concurrency: 2, onError: "stop" })).toEqualTypeOf<MapRun<number>>();
declare const charges: AsyncIterable<{ amount: number; note: "a" }>;
expectTypeOf(Billing.charge.map(charges, { onError: "collect" })).toEqualTypeOf<
  MapRun<MapOutcome<{ amount: number; note: "a" }, { ok: boolean; charged: number }>>
>();
// @ts-expect-error The items have the wrong type.
void Billing.charge.map([{ amount: "50" }]);
// @ts-expect-error This method needs two arguments.
void Billing.plain.map([1]);
// @ts-expect-error There is no such policy.
void Billing.charge.map([], { onError: "skip" });

// Jobs.
expectTypeOf(Billing.charge.spawn({ amount: 1 })).toEqualTypeOf<Job<{ ok: boolean; charged: number }>>();
expectTypeOf(Billing.plain.with({ detached: true }).spawn(1, "a").result()).toEqualTypeOf<Promise<string>>();
// @ts-expect-error The argument is missing.
Billing.charge.spawn();

// Single functions.
const ping = flame.fn("ping", async () => "pong");
expectTypeOf(ping()).toEqualTypeOf<Promise<string>>();
expectTypeOf(flame.fn.ping!(async (n: number) => n)(1)).toEqualTypeOf<Promise<number>>();
expectTypeOf(
  flame.fn(
    "who",
    defineMethod("default", (ctx, n: number) => `${ctx.invocationId}${n}`),
  )(1),
).toEqualTypeOf<Promise<string>>();
expectTypeOf(flame.fnEffect("fn", async (n: number) => [n])(1)).toEqualTypeOf<
  Effect.Effect<Array<number>, CallError>
>();
expectTypeOf(flame.fnEffect.ping!((n: number) => n)(1)).toEqualTypeOf<Effect.Effect<number, CallError>>();

// Services of Effects, and services converted to Effects: the error is a discriminated union.
const math = flame.serviceEffect("svc", {
  add: async (a: number, b: number) => a + b,
  sum: defineMethod("sum", (_ctx, ...n: Array<number>) => n.length),
});
expectTypeOf(math.add(1, 2)).toEqualTypeOf<Effect.Effect<number, CallError>>();
expectTypeOf(math.sum(1, 2)).toEqualTypeOf<Effect.Effect<number, CallError>>();
expectTypeOf(math.add.with({ timeoutMs: 1 })).toEqualTypeOf(math.add);
expectTypeOf(flame.serviceEffect.math!({ ping: () => "pong" }).ping()).toEqualTypeOf<
  Effect.Effect<string, CallError>
>();
expectTypeOf<CallError["_tag"]>().toEqualTypeOf<"InvokeError" | "RegistryError" | "ConfigError">();
expectTypeOf<CallError>().toEqualTypeOf<InvokeError | RegistryError | ConfigError>();
expectTypeOf(math.sum.map([1])).toEqualTypeOf<Effect.Effect<ReadonlyArray<number>, CallError>>();
declare const numbers: Array<number>;
expectTypeOf(math.sum.map(numbers, { onError: "collect" })).toEqualTypeOf<
  Effect.Effect<ReadonlyArray<MapOutcome<number, number>>, CallError>
>();
// @ts-expect-error Arguments of Effects are checked too.
math.add("1", 2);

expectTypeOf(toEffect(Billing.charge)({ amount: 1 })).toEqualTypeOf<
  Effect.Effect<{ ok: boolean; charged: number }, CallError>
>();
expectTypeOf(flame.toEffect(ping)()).toEqualTypeOf<Effect.Effect<string, CallError>>();
expectTypeOf(flame.toEffect(Billing).named({ amount: 1 }, "note")).toEqualTypeOf<Effect.Effect<string, CallError>>();
expectTypeOf(flame.toEffect(Billing).object.with({ timeoutMs: 1 })(true)).toEqualTypeOf<
  Effect.Effect<"yes" | "no", CallError>
>();
const mixed = toEffect({ a: async () => 1, b: () => 2, c: "three" });
expectTypeOf<keyof typeof mixed>().toEqualTypeOf<"a">();

// Instances.
expectTypeOf(createFlame({ mode: "local" })).toEqualTypeOf(flame);
expectTypeOf(flame.configure({ mode: "parent", security: { secret: "s" } })).toEqualTypeOf<Promise<void>>();
expectTypeOf(flame.metrics()).toEqualTypeOf<Promise<string>>();
expectTypeOf(flame.metrics.contentType).toEqualTypeOf<string>();
expectTypeOf(flame.createRunnerServer({ port: 8080, security: { secret: "dev-secret" } }).stop()).toEqualTypeOf<
  Promise<void>
>();
expectTypeOf<Effect.Success<typeof FlameService>>().toEqualTypeOf<typeof flame>();
// @ts-expect-error There is no such mode.
createFlame({ mode: "remote" });
