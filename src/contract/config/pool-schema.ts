/** Checks the options of a pool. */
import type { Backend } from "./backend.ts";
import { integer, milliseconds, number, quantity } from "../validation/check-number.ts";
import { labels } from "./call-options.ts";
import { connectionFields, runnerIdOf, runnerUrl, transport } from "./connection-schema.ts";
import { boolean, either, fn, having, list, no, oneOf, text, type TextRule } from "../validation/option-checks.ts";
import { type Fields, object, required } from "../validation/option-schema.ts";
import type { PoolConfig, PoolUpdate, RecycleOptions, RetryBudgetOptions, StaticRunner } from "./pool-options.ts";
import type { IdlePredicate } from "./pool-bounds.ts";
import type { ScalingPolicy } from "./scaling.ts";

/** What can stand in a header as a name. */
export const identifierRule: TextRule = {
  allowed: "up to 128 printable ASCII characters without spaces",
  pattern: /^[\x21-\x7e]{1,128}$/,
};

/** A name of this kind. */
export const identifier = text(identifierRule);

/** A backend: whatever can start and stop runners. */
export const backend = having<Backend>("a backend", ["spawn", "terminate"], {
  methods: ["healthCheck"],
  texts: ["name"],
});

const updatable: Fields<PoolUpdate> = {
  min: integer("runners", { min: 0 }),
  max: integer("runners", { min: 1 }),
  maxConcurrency: integer("invocations", { min: 1 }),
  maxQueue: number("calls", { min: 0, infinity: true }),
  maxQueueWaitMs: milliseconds({ min: 0, infinity: true }),
  routing: oneOf(["spread", "pack"]),
  scaling: fn<ScalingPolicy>(),
  warm: integer("slots", { min: 0 }),
  idleShutdownMs: either(milliseconds({ min: 0, infinity: true }), fn<IdlePredicate>()),
  minIdleShutdownMs: milliseconds({ min: 0, infinity: true }),
  recycle: object<RecycleOptions>({
    maxCalls: number("calls", { min: 1, infinity: true }),
    maxAgeMs: milliseconds({ min: 0, infinity: true }),
    maxRssBytes: number("bytes", { min: 1, infinity: true }),
  }),
  drainTimeoutMs: milliseconds({ min: 0, infinity: true }),
  panicThreshold: quantity("a share of the runners", { min: 0, max: 1 }),
};

const poolFields: Fields<PoolConfig> = {
  ...updatable,
  labels,
  runners: list(object<StaticRunner>({ id: runnerIdOf(128), url: required(runnerUrl) })),
  ...connectionFields,
  backend,
  transport,
  spawnTimeoutMs: milliseconds({ min: 1 }),
  singleUse: boolean(),
  healthCheckMs: milliseconds({ min: 1, infinity: true }),
  orphanTimeoutMs: milliseconds({ min: 100, infinity: true }),
  onGrow: fn<NonNullable<PoolConfig["onGrow"]>>(),
  onShrink: fn<NonNullable<PoolConfig["onShrink"]>>(),
  onSaturated: fn<NonNullable<PoolConfig["onSaturated"]>>(),
  retryBudget: either(
    object<RetryBudgetOptions>({
      maxTokens: number("tokens", { min: 1 }),
      tokenRatio: number("tokens", { min: 0 }),
      tokensPerSecond: number("tokens per second", { min: 0 }),
    }),
    no(),
  ),
};

/** A pool's options. */
export const poolSchema = object<PoolConfig>(poolFields);

const fixed = Object.keys(poolFields).filter((name) => !Object.hasOwn(updatable, name));

/** What of a pool may change while it is in use. */
export const poolUpdateSchema = object<PoolUpdate>(updatable, {
  elsewhere: Object.fromEntries(
    fixed.map((name) => [name, "cannot change while the pool is in use. Change it with configure({ pools })."]),
  ),
});
