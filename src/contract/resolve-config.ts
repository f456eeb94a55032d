/**
 * Turns what a user configured, and the environment, into a configuration with
 * nothing left open: defaults filled in and every field checked.
 */
import { requireRuntime } from "./bun-version.ts";
import { checkNumber, fraction } from "./check-number.ts";
import type { Environment } from "./environment.ts";
import { ConfigError } from "./errors.ts";
import type { ResolvedIdempotency } from "./idempotency.ts";
import { type ResolvedIsolation, resolveIsolation } from "./isolation.ts";
import type { FlameConfig, Logger, Mode, SigningKeyOptions } from "./options.ts";
import { defaults } from "./options.ts";
import { resolveIdempotency } from "./resolve-idempotency.ts";
import type { ResolvedPool } from "./resolve-pool.ts";
import { identifier, resolvePool } from "./resolve-pool.ts";
import { type ResolvedConnection, resolveConnection } from "./resolve-connection.ts";
import { type ResolvedTelemetry, resolveTelemetry } from "./resolve-telemetry.ts";
import { resolveUrl, shownAddress } from "./runner-url.ts";

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
  readonly logger: Logger | undefined;
  readonly telemetry: ResolvedTelemetry;
}

export type { Environment } from "./environment.ts";

const modes: ReadonlyArray<string> = ["parent", "runner", "local"] satisfies ReadonlyArray<Mode>;

const resolveMode = (config: FlameConfig, env: Environment): Mode => {
  const fromEnv = env["FLAME_MODE"]?.trim() || (env["FLAME_RUNNER"] === "true" ? "runner" : undefined);
  const mode = config.mode ?? fromEnv ?? "parent";
  if (!modes.includes(mode)) {
    const where = config.mode === undefined ? "FLAME_MODE" : "mode";
    throw new ConfigError(`${where} is ${shownAddress(mode)}. Use "parent", "runner" or "local".`);
  }
  return mode as Mode;
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
 * Fills in defaults and checks every field.
 *
 * @throws {ConfigError} naming the field, its value and how to fix it.
 */
export const resolveConfig = (config: FlameConfig, env: Environment): ResolvedConfig => {
  requireRuntime(process.versions);
  const mode = resolveMode(config, env);
  const defaultPool = config.defaultPool ?? defaults.defaultPool;
  const invokePath = config.invokePath ?? defaults.invokePath;
  if (!/^\/[\w\-./~%]*$/.test(invokePath)) {
    throw new ConfigError(`invokePath is "${invokePath}". Use an absolute path such as "/invoke".`);
  }
  const connection = resolveConnection("", config, env, false);
  const secret = config.security?.secret ?? (env["FLAME_SECRET"] || undefined);
  if (secret === "") {
    throw new ConfigError(
      "security.secret is empty. Set it, or FLAME_SECRET, to the same long random string on both sides.",
    );
  }
  const keyId = config.security?.keyId ?? (env["FLAME_KEY_ID"]?.trim() || defaults.keyId);
  const acceptKeys = config.security?.acceptKeys ?? [];
  for (const id of [keyId, ...acceptKeys.map((key) => key.id)]) {
    if (!identifier.test(id))
      throw new ConfigError(
        `The key id "${id}" cannot travel in a header. Use up to 128 printable ASCII characters without spaces.`,
      );
  }
  return {
    mode,
    defaultPool,
    pools: resolvePools(config, env, mode, defaultPool),
    invokePath,
    connection,
    security: {
      secret,
      keyId,
      acceptKeys,
      windowMs: checkNumber(
        "security.windowMs",
        config.security?.windowMs ?? defaults.windowMs,
        1,
        "milliseconds",
        fraction,
      ),
    },
    requestTimeoutMs: checkNumber(
      "requestTimeoutMs",
      config.requestTimeoutMs ?? defaults.requestTimeoutMs,
      1,
      "milliseconds",
      fraction,
    ),
    maxBodyBytes: checkNumber("maxBodyBytes", config.maxBodyBytes ?? defaults.maxBodyBytes, 1, "bytes"),
    exposeErrors: config.exposeErrors ?? defaults.exposeErrors,
    idempotency: resolveIdempotency(config.idempotency),
    isolation: resolveIsolation(config.isolation),
    logger: config.logger,
    telemetry: resolveTelemetry(config.telemetry),
  };
};
