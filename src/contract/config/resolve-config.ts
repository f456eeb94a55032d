/** Resolves the user's configuration and the environment: fills in defaults and checks every field. */
import { configSchema, keyId as keyIdCheck } from "./config-schema.ts";
import { type Environment, type ResolvedConnection, resolveConnection } from "./resolve-connection.ts";
import { ConfigError } from "../errors.ts";
import type { ResolvedIdempotency } from "./idempotency.ts";
import { type ResolvedIsolation, resolveIsolation } from "./isolation.ts";
import {
  type FlameConfig,
  type Logger,
  type Mode,
  type SigningKeyOptions,
  defaults,
  type MetricsRegistry,
  type TelemetryOptions,
} from "./options.ts";
import { readOption } from "../validation/option-schema.ts";
import { printText } from "../validation/print-value.ts";
import { resolveIdempotency } from "./resolve-idempotency.ts";
import { type ResolvedPool, resolvePool } from "./resolve-pool.ts";
import { resolveRunnerHooks, type RunnerHooks } from "./runner-hooks.ts";
import { resolveUrl } from "./runner-url.ts";
import { oldestRuntimes } from "../process/version.ts";

/** `telemetry` with its defaults. */
export interface ResolvedTelemetry {
  readonly metrics: boolean | MetricsRegistry;
  readonly baggageKeys: ReadonlyArray<string>;
  readonly traces: boolean;
  /** `undefined` when metrics name every method. */
  readonly methods: ReadonlyArray<string> | undefined;
  /** `undefined` for those of the catalog. */
  readonly buckets: ReadonlyArray<number> | undefined;
}

/** Fills in what was checked. */
export const resolveTelemetry = (telemetry: TelemetryOptions = {}): ResolvedTelemetry => ({
  metrics: telemetry.metrics ?? true,
  baggageKeys: telemetry.baggageKeys ?? [],
  traces: telemetry.traces ?? true,
  methods: telemetry.methods,
  buckets: telemetry.buckets,
});

/** Before this version, Bun's HTTP client sent a POST a second time when a kept connection was closed under it. */
const oldestBun = oldestRuntimes.bun.split(".").map(Number);

/**
 * What is wrong with a version of Bun, as a sentence; `undefined` if nothing. A canary such as `1.3.14-canary.20` counts as
 * the version that it precedes. Text that is not a version is accepted.
 */
export const bunFault = (version: string): string | undefined => {
  const [, ...parts] = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version) ?? [];
  const numbers = parts.map(Number);
  const differs = oldestBun.findIndex((part, index) => numbers[index] !== part);
  if (numbers.length === 0 || differs < 0 || numbers[differs]! > oldestBun[differs]!) return undefined;
  const oldest = oldestBun.join(".");
  return (
    `Firelight requires Bun ${oldest} or newer, but this is Bun ${version}. Older versions send a POST again when a kept-alive connection ` +
    "closes, so a call could run twice. Update Bun (bun upgrade), or use Node.js."
  );
};

/**
 * Checks the runtime that this process is.
 *
 * @throws {ConfigError} on a version of Bun that could run a call twice.
 */
export const requireRuntime = (versions: Readonly<Record<string, string | undefined>>): void => {
  const fault = versions["bun"] === undefined ? undefined : bunFault(versions["bun"]);
  if (fault !== undefined) throw new ConfigError(fault);
};

/** The key under which an instance stores its configuration, in every copy of this package. Not for programs: it holds secrets. */
export const configSymbol: unique symbol = Symbol.for("firelight/configuration");

/** Neither may have a field that is `undefined`, which holds for those that were checked. */
export const mergeConfig = (earlier: FlameConfig, later: FlameConfig): FlameConfig => ({
  ...earlier,
  ...later,
  ...(earlier.pools || later.pools ? { pools: { ...earlier.pools, ...later.pools } } : {}),
  ...(earlier.security || later.security ? { security: { ...earlier.security, ...later.security } } : {}),
  ...(earlier.telemetry || later.telemetry ? { telemetry: { ...earlier.telemetry, ...later.telemetry } } : {}),
});

/** A configuration with nothing left open. */
export interface ResolvedConfig {
  readonly mode: Mode;
  readonly defaultPool: string;
  readonly pools: ReadonlyMap<string, ResolvedPool>;
  readonly invokePath: string;
  /** How runners are reached that are in no pool. */
  readonly connection: ResolvedConnection;
  readonly security: {
    readonly secret: string | undefined;
    readonly keyId: string;
    readonly acceptKeys: ReadonlyArray<SigningKeyOptions>;
    readonly windowMs: number;
  };
  readonly requestTimeoutMs: number;
  readonly maxBodyBytes: number;
  readonly exposeErrors: boolean;
  /** `undefined` when results are not kept. */
  readonly idempotency: ResolvedIdempotency | undefined;
  readonly isolation: ResolvedIsolation;
  readonly hooks: RunnerHooks;
  readonly logger: Logger | undefined;
  readonly telemetry: ResolvedTelemetry;
}

export type { Environment } from "./resolve-connection.ts";

const modes: ReadonlyArray<string> = ["parent", "runner", "local"] satisfies ReadonlyArray<Mode>;

const resolveMode = (config: FlameConfig, env: Environment): Mode => {
  if (config.mode !== undefined) return config.mode;
  const mode = env["FLAME_MODE"]?.trim() || (env["FLAME_RUNNER"] === "true" ? "runner" : "parent");
  if (modes.includes(mode)) return mode as Mode;
  throw new ConfigError(`FLAME_MODE is ${printText(mode)}. Use "parent", "runner" or "local".`);
};

const resolveKeyId = (env: Environment): string => {
  const id = env["FLAME_KEY_ID"]?.trim() || undefined;
  return id === undefined ? defaults.keyId : readOption(keyIdCheck, id, "", "FLAME_KEY_ID");
};

const resolvePools = (
  config: FlameConfig,
  env: Environment,
  mode: Mode,
  defaultPool: string,
): Map<string, ResolvedPool> => {
  const given = { ...config.pools };
  const runnerUrl = config.runnerUrl ?? (mode === "parent" ? env["RUNNER_URL"]?.trim() || undefined : undefined);
  const own = given[defaultPool];
  if (runnerUrl !== undefined && own?.runners === undefined && own?.backend === undefined) {
    const url = resolveUrl(config.runnerUrl === undefined ? "RUNNER_URL" : "runnerUrl", runnerUrl);
    given[defaultPool] = { ...own, runners: [{ url }] };
  } else if (own === undefined && config.backend !== undefined) {
    given[defaultPool] = {};
  }
  return new Map(Object.entries(given).map(([name, pool]) => [name, resolvePool(name, pool, config, env)]));
};

/**
 * Checks every field and fills in defaults.
 *
 * @throws {ConfigError} naming the field, its value and how to fix it.
 */
export const resolveConfig = (given: FlameConfig, env: Environment): ResolvedConfig => {
  requireRuntime(process.versions);
  const config = readOption(configSchema, given, "", "The configuration");
  const mode = resolveMode(config, env);
  const defaultPool = config.defaultPool ?? defaults.defaultPool;
  return {
    mode,
    defaultPool,
    pools: resolvePools(config, env, mode, defaultPool),
    invokePath: config.invokePath ?? defaults.invokePath,
    connection: resolveConnection("", config, env, false),
    security: {
      secret: config.security?.secret ?? (env["FLAME_SECRET"] || undefined),
      keyId: config.security?.keyId ?? resolveKeyId(env),
      acceptKeys: config.security?.acceptKeys ?? [],
      windowMs: config.security?.windowMs ?? defaults.windowMs,
    },
    requestTimeoutMs: config.requestTimeoutMs ?? defaults.requestTimeoutMs,
    maxBodyBytes: config.maxBodyBytes ?? defaults.maxBodyBytes,
    exposeErrors: config.exposeErrors ?? defaults.exposeErrors,
    idempotency: resolveIdempotency(config.idempotency),
    isolation: resolveIsolation(config.isolation),
    hooks: resolveRunnerHooks(config),
    logger: config.logger,
    telemetry: resolveTelemetry(config.telemetry),
  };
};
