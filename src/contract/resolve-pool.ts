/** Turns what a user configured for a pool into a pool with nothing left open. */
import type { Backend } from "./backend.ts";
import { checkNumber, forever, fraction } from "./check-number.ts";
import { ANY_RUNNER } from "./envelope.ts";
import type { Environment } from "./environment.ts";
import { ConfigError } from "./errors.ts";
import type { FlameConfig, PoolConfig, RetryBudgetOptions, StaticRunner } from "./options.ts";
import { defaults } from "./options.ts";
import type { PoolBounds } from "./pool-bounds.ts";
import { type ResolvedConnection, resolveConnection } from "./resolve-connection.ts";
import { resolveUrl, runnerIdFault } from "./runner-url.ts";
import { buffer, reactive } from "./scaling.ts";

/** A static runner with nothing left open. */
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
}

/** Matches what can stand in a header as a name. */
export const identifier = /^[\x21-\x7e]{1,128}$/;

const resolvePanic = (at: string, given: number | undefined, runners: number): number => {
  const threshold = given ?? (runners >= defaults.panicFromRunners ? defaults.panicThreshold : 0);
  if (threshold >= 0 && threshold <= 1) return threshold;
  throw new ConfigError(
    `${at}.panicThreshold is ${String(threshold)}. Use a share of the runners, from 0 to 1, such as 0.5.`,
  );
};

/**
 * The bounds of a pool, every field checked.
 *
 * @throws {ConfigError} naming the field and how to fix it.
 */
export const resolveBounds = (at: string, pool: PoolConfig, fixedRunners: number): PoolBounds => {
  const fixed = fixedRunners > 0;
  const min = checkNumber(`${at}.min`, pool.min ?? 0, 0, "runners");
  const max = fixed ? fixedRunners : checkNumber(`${at}.max`, pool.max ?? Math.max(1, min), 1, "runners");
  if (!fixed && min > max) throw new ConfigError(`${at}.min is ${min} and ${at}.max is ${max}. Make max at least min.`);
  if (pool.routing !== undefined && pool.routing !== "spread" && pool.routing !== "pack") {
    throw new ConfigError(`${at}.routing is "${String(pool.routing)}". Use "spread" or "pack".`);
  }
  const warm = checkNumber(`${at}.warm`, pool.warm ?? 0, 0, "slots");
  const concurrency = pool.maxConcurrency ?? (fixed ? defaults.staticConcurrency : defaults.backendConcurrency);
  const recycle = pool.recycle ?? {};
  const duration = (field: string, value: number): number =>
    checkNumber(`${at}.${field}`, value, 0, "milliseconds", forever);
  return {
    min: Math.min(min, max),
    max,
    maxConcurrency: checkNumber(`${at}.maxConcurrency`, concurrency, 1, "invocations"),
    maxQueue: checkNumber(`${at}.maxQueue`, pool.maxQueue ?? defaults.maxQueue, 0, "calls", forever),
    routing: pool.routing ?? "spread",
    scaling: pool.scaling ?? (warm > 0 ? buffer(warm) : reactive),
    idleShutdownMs:
      typeof pool.idleShutdownMs === "function"
        ? pool.idleShutdownMs
        : duration("idleShutdownMs", pool.idleShutdownMs ?? defaults.idleShutdownMs),
    minIdleShutdownMs: duration("minIdleShutdownMs", pool.minIdleShutdownMs ?? Infinity),
    maxCalls:
      pool.singleUse === true
        ? 1
        : checkNumber(`${at}.recycle.maxCalls`, recycle.maxCalls ?? Infinity, 1, "calls", forever),
    maxAgeMs: duration("recycle.maxAgeMs", recycle.maxAgeMs ?? Infinity),
    maxRssBytes: checkNumber(`${at}.recycle.maxRssBytes`, recycle.maxRssBytes ?? Infinity, 1, "bytes", forever),
    drainTimeoutMs: duration("drainTimeoutMs", pool.drainTimeoutMs ?? defaults.poolDrainTimeoutMs),
    panicThreshold: resolvePanic(at, pool.panicThreshold, fixedRunners),
  };
};

const resolveBudget = (at: string, budget: RetryBudgetOptions | false = {}): ResolvedPool["retryBudget"] => {
  if (budget === false) return undefined;
  return {
    maxTokens: checkNumber(`${at}.maxTokens`, budget.maxTokens ?? defaults.retryTokens, 1, "tokens", fraction),
    tokenRatio: checkNumber(
      `${at}.tokenRatio`,
      budget.tokenRatio ?? defaults.retryTokenRatio,
      0.001,
      "tokens",
      fraction,
    ),
  };
};

/** Fills in a pool's defaults and checks every field. */
export const resolvePool = (
  name: string,
  pool: PoolConfig,
  { backend: fallbackBackend, tls, proxy }: Pick<FlameConfig, "backend" | "tls" | "proxy"> = {},
  env: Environment = {},
): ResolvedPool => {
  const at = `pools.${name}`;
  const runners = (pool.runners ?? []).map((runner, index) => {
    const url = resolveUrl(`${at}.runners[${index}].url`, runner.url);
    const idFault = runner.id === undefined ? undefined : runnerIdFault(runner.id, 128);
    if (idFault !== undefined) throw new ConfigError(`${at}.runners[${index}].id ${idFault}`);
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
    retryBudget: resolveBudget(`${at}.retryBudget`, pool.retryBudget),
    maxQueueWaitMs: checkNumber(`${at}.maxQueueWaitMs`, pool.maxQueueWaitMs ?? Infinity, 0, "milliseconds", forever),
    healthCheckMs: checkNumber(
      `${at}.healthCheckMs`,
      pool.healthCheckMs ?? defaults.healthCheckMs,
      1,
      "milliseconds",
      forever,
    ),
    orphanTimeoutMs: checkNumber(
      `${at}.orphanTimeoutMs`,
      pool.orphanTimeoutMs ?? defaults.orphanTimeoutMs,
      100,
      "milliseconds",
      forever,
    ),
    hooks: { onGrow: pool.onGrow, onShrink: pool.onShrink, onSaturated: pool.onSaturated },
    runners,
    backend,
    connection: resolveConnection(at, { tls: pool.tls ?? tls, proxy: pool.proxy ?? proxy }, env, backend !== undefined),
    spawnTimeoutMs: checkNumber(
      `${at}.spawnTimeoutMs`,
      pool.spawnTimeoutMs ?? defaults.spawnTimeoutMs,
      1,
      "milliseconds",
      fraction,
    ),
  };
};
