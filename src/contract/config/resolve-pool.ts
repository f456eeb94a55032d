/** Resolves the user's configuration of a pool. */
import type { Backend } from "./backend.ts";
import { ANY_RUNNER } from "../wire/envelope.ts";
import { type Environment, type ResolvedConnection, resolveConnection } from "./resolve-connection.ts";
import { ConfigError } from "../errors.ts";
import { transport as transportCheck } from "./connection-schema.ts";
import { readOption } from "../validation/option-schema.ts";
import {
  type FlameConfig,
  type PoolConfig,
  type RetryBudgetOptions,
  type StaticRunner,
  type Transport,
  defaults,
} from "./options.ts";
import type { PoolBounds } from "./pool-bounds.ts";
import { resolveUrl } from "./runner-url.ts";
import { buffer, reactive } from "./scaling.ts";

/** A resolved static runner. */
export interface ResolvedRunner extends Required<StaticRunner> {
  /** What requests to it name as their audience: its id where one was given, else any runner. */
  readonly audience: string;
}

/** A pool's configuration with nothing left open. */
export interface ResolvedPool {
  readonly name: string;
  /** As it was configured. */
  readonly given: PoolConfig;
  readonly labels: Readonly<Record<string, string>>;
  readonly bounds: PoolBounds;
  readonly maxQueueWaitMs: number;
  /** `undefined` where there is none. */
  readonly retryBudget: Required<RetryBudgetOptions> | undefined;
  readonly healthCheckMs: number;
  readonly orphanTimeoutMs: number;
  readonly hooks: Pick<PoolConfig, "onGrow" | "onShrink" | "onSaturated">;
  readonly runners: ReadonlyArray<ResolvedRunner>;
  readonly backend: Backend | undefined;
  readonly spawnTimeoutMs: number;
  readonly connection: ResolvedConnection;
  readonly transport: Transport;
}

/**
 * The bounds of a pool whose options were checked.
 *
 * @throws {ConfigError} when they contradict each other.
 */
export const resolveBounds = (at: string, pool: PoolConfig, fixedRunners: number): PoolBounds => {
  const fixed = fixedRunners > 0;
  const min = pool.min ?? 0;
  const max = fixed ? fixedRunners : (pool.max ?? Math.max(1, min));
  if (!fixed && min > max) throw new ConfigError(`${at}.min is ${min} and ${at}.max is ${max}. Make max at least min.`);
  const warm = pool.warm ?? 0;
  return {
    min: Math.min(min, max),
    max,
    maxConcurrency: pool.maxConcurrency ?? (fixed ? defaults.staticConcurrency : defaults.backendConcurrency),
    maxQueue: pool.maxQueue ?? defaults.maxQueue,
    routing: pool.routing ?? "spread",
    scaling: pool.scaling ?? (warm > 0 ? buffer(warm) : reactive),
    idleShutdownMs: pool.idleShutdownMs ?? defaults.idleShutdownMs,
    minIdleShutdownMs: pool.minIdleShutdownMs ?? Infinity,
    maxCalls: pool.singleUse === true ? 1 : (pool.recycle?.maxCalls ?? Infinity),
    maxAgeMs: pool.recycle?.maxAgeMs ?? Infinity,
    maxRssBytes: pool.recycle?.maxRssBytes ?? Infinity,
    drainTimeoutMs: pool.drainTimeoutMs ?? defaults.poolDrainTimeoutMs,
    panicThreshold: pool.panicThreshold ?? (fixedRunners >= defaults.panicFromRunners ? defaults.panicThreshold : 0),
  };
};

const resolveBudget = (budget: RetryBudgetOptions | false = {}): ResolvedPool["retryBudget"] =>
  budget === false
    ? undefined
    : {
        maxTokens: budget.maxTokens ?? defaults.retryTokens,
        tokenRatio: budget.tokenRatio ?? defaults.retryTokenRatio,
        tokensPerSecond: budget.tokensPerSecond ?? defaults.retryTokensPerSecond,
      };

/** The transport that the environment sets. */
const transportOf = (env: Environment): Transport => {
  const given = env["FLAME_TRANSPORT"]?.trim() || undefined;
  return given === undefined ? defaults.transport : readOption(transportCheck, given, "", "FLAME_TRANSPORT");
};

/**
 * Fills in the defaults of a pool whose options were checked.
 *
 * @throws {ConfigError} for options that contradict each other.
 */
export const resolvePool = (
  name: string,
  pool: PoolConfig,
  {
    backend: fallbackBackend,
    tls,
    proxy,
    transport,
  }: Pick<FlameConfig, "backend" | "tls" | "proxy" | "transport"> = {},
  env: Environment = {},
): ResolvedPool => {
  const at = `pools.${name}`;
  const runners = (pool.runners ?? []).map((runner, index) => {
    const url = resolveUrl(`${at}.runners[${index}].url`, runner.url);
    return { id: runner.id ?? url, url, audience: runner.id ?? ANY_RUNNER };
  });
  if (new Set(runners.map((runner) => runner.id)).size !== runners.length) {
    throw new ConfigError(`${at}.runners has the same runner twice. Give each its own id or URL.`);
  }
  if (runners.length > 0 && pool.backend !== undefined) {
    throw new ConfigError(`${at} has both runners and a backend. Keep one, or make two pools.`);
  }
  const backend = runners.length > 0 ? undefined : (pool.backend ?? fallbackBackend);
  return {
    name,
    given: pool,
    labels: pool.labels ?? {},
    bounds: resolveBounds(at, pool, runners.length),
    retryBudget: resolveBudget(pool.retryBudget),
    maxQueueWaitMs: pool.maxQueueWaitMs ?? Infinity,
    healthCheckMs: pool.healthCheckMs ?? defaults.healthCheckMs,
    orphanTimeoutMs: pool.orphanTimeoutMs ?? defaults.orphanTimeoutMs,
    hooks: { onGrow: pool.onGrow, onShrink: pool.onShrink, onSaturated: pool.onSaturated },
    runners,
    backend,
    connection: resolveConnection(at, { tls: pool.tls ?? tls, proxy: pool.proxy ?? proxy }, env, backend !== undefined),
    transport: pool.transport ?? transport ?? transportOf(env),
    spawnTimeoutMs: pool.spawnTimeoutMs ?? defaults.spawnTimeoutMs,
  };
};
