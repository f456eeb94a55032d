/**
 * Turns what a user configured, and the environment, into a configuration with
 * nothing left open: defaults filled in and every field checked.
 */
import { requireRuntime } from "./bun-version.ts";
import { configSchema, keyId as keyIdCheck } from "./config-schema.ts";
import type { Environment } from "./environment.ts";
import { ConfigError } from "../errors.ts";
import type { ResolvedIdempotency } from "./idempotency.ts";
import { type ResolvedIsolation, resolveIsolation } from "./isolation.ts";
import type { FlameConfig, Logger, Mode, SigningKeyOptions } from "./options.ts";
import { readOption } from "../validation/option-schema.ts";
import { defaults } from "./options.ts";
import { printText } from "../validation/print-value.ts";
import { resolveIdempotency } from "./resolve-idempotency.ts";
import type { ResolvedPool } from "./resolve-pool.ts";
import { resolvePool } from "./resolve-pool.ts";
import { resolveRunnerHooks, type RunnerHooks } from "./runner-hooks.ts";
import { type ResolvedConnection, resolveConnection } from "./resolve-connection.ts";
import { type ResolvedTelemetry, resolveTelemetry } from "./resolve-telemetry.ts";
import { resolveUrl } from "./runner-url.ts";

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

export type { Environment } from "./environment.ts";

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
