/**
 * Turns what a user configured, and the environment, into a configuration with
 * nothing left open: defaults filled in and every field checked.
 */
import type { Backend } from "./backend.ts";
import { checkNumber } from "./check-number.ts";
import { ANY_RUNNER } from "./envelope.ts";
import { ConfigError } from "./errors.ts";
import type {
  FlameConfig,
  Logger,
  Mode,
  PoolConfig,
  RetryBudgetOptions,
  SigningKeyOptions,
  StaticRunner,
  TelemetryOptions,
} from "./options.ts";
import { defaults } from "./options.ts";

/** A static runner with nothing left open. */
export interface ResolvedRunner extends Required<StaticRunner> {
  /** What requests to it name as their audience: its id where one was given, else any runner. */
  readonly audience: string;
}

/** A pool's configuration with nothing left open. */
export interface ResolvedPool {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly maxConcurrency: number;
  readonly runners: ReadonlyArray<ResolvedRunner>;
  readonly backend: Backend | undefined;
  readonly spawnTimeoutMs: number;
  /** `undefined` where there is none. */
  readonly retryBudget: Required<RetryBudgetOptions> | undefined;
}

/** A configuration with nothing left open. */
export interface ResolvedConfig {
  readonly mode: Mode;
  readonly defaultPool: string;
  readonly pools: ReadonlyMap<string, ResolvedPool>;
  readonly invokePath: string;
  readonly security: {
    readonly secret: string | undefined;
    readonly keyId: string;
    readonly acceptKeys: ReadonlyArray<SigningKeyOptions>;
    readonly windowMs: number;
  };
  readonly requestTimeoutMs: number;
  readonly maxBodyBytes: number;
  readonly exposeErrors: boolean;
  readonly logger: Logger | undefined;
  readonly telemetry: Required<TelemetryOptions>;
}

/** The environment variables that Firelight reads. */
export type Environment = Readonly<Record<string, string | undefined>>;

const modes: ReadonlyArray<string> = ["parent", "runner", "local"] satisfies ReadonlyArray<Mode>;

const resolveMode = (config: FlameConfig, env: Environment): Mode => {
  const fromEnv = env["FLAME_MODE"]?.trim() || (env["FLAME_RUNNER"] === "true" ? "runner" : undefined);
  const mode = config.mode ?? fromEnv ?? "parent";
  if (!modes.includes(mode)) {
    const where = config.mode === undefined ? "FLAME_MODE" : "mode";
    throw new ConfigError(`${where} is "${mode}". Use "parent", "runner" or "local".`);
  }
  return mode as Mode;
};

const identifier = /^[\x21-\x7e]{1,128}$/;

const resolveUrl = (field: string, value: string): string => {
  let url: URL;
  try {
    url = new URL(value);
  } catch (cause) {
    throw new ConfigError(`${field} is "${value}", which is not a URL. Use one like "http://127.0.0.1:8080".`, { cause });
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new ConfigError(`${field} is "${value}". Use an http:// or https:// address.`);
  }
  return value.endsWith("/") ? value.slice(0, -1) : value;
};

const resolveBudget = (at: string, budget: RetryBudgetOptions | false = {}): ResolvedPool["retryBudget"] => {
  if (budget === false) return undefined;
  return {
    maxTokens: checkNumber(`${at}.maxTokens`, budget.maxTokens ?? defaults.retryTokens, 1, "tokens", false),
    tokenRatio: checkNumber(`${at}.tokenRatio`, budget.tokenRatio ?? defaults.retryTokenRatio, 0.001, "tokens", false),
  };
};

const resolvePool = (name: string, pool: PoolConfig, fallbackBackend: Backend | undefined): ResolvedPool => {
  const at = `pools.${name}`;
  const runners = (pool.runners ?? []).map((runner, index) => {
    const url = resolveUrl(`${at}.runners[${index}].url`, runner.url);
    if (runner.id !== undefined && !identifier.test(runner.id)) {
      throw new ConfigError(`${at}.runners[${index}].id is "${runner.id}". Use up to 128 printable ASCII characters without spaces.`);
    }
    return { id: runner.id ?? url, url, audience: runner.id ?? ANY_RUNNER };
  });
  if (new Set(runners.map((runner) => runner.id)).size !== runners.length) {
    throw new ConfigError(`${at}.runners has the same runner twice. Give each its own id or URL.`);
  }
  if (runners.length > 0 && pool.backend !== undefined) {
    throw new ConfigError(`${at} has both runners and a backend. Keep one, or make two pools.`);
  }
  const backend = runners.length > 0 ? undefined : (pool.backend ?? fallbackBackend);
  const min = checkNumber(`${at}.min`, pool.min ?? 0, 0, "runners");
  const max = runners.length > 0 ? runners.length : checkNumber(`${at}.max`, pool.max ?? Math.max(1, min), 1, "runners");
  if (backend !== undefined && min > max) {
    throw new ConfigError(`${at}.min is ${min} and ${at}.max is ${max}. Make max at least min.`);
  }
  return {
    name,
    min: Math.min(min, max),
    max,
    maxConcurrency: checkNumber(
      `${at}.maxConcurrency`,
      pool.maxConcurrency ?? (runners.length > 0 ? defaults.staticConcurrency : defaults.backendConcurrency),
      1,
      "invocations",
    ),
    runners,
    backend,
    spawnTimeoutMs: checkNumber(`${at}.spawnTimeoutMs`, pool.spawnTimeoutMs ?? defaults.spawnTimeoutMs, 1, "milliseconds", false),
    retryBudget: resolveBudget(`${at}.retryBudget`, pool.retryBudget),
  };
};

const resolvePools = (config: FlameConfig, env: Environment, mode: Mode, defaultPool: string): Map<string, ResolvedPool> => {
  const given = { ...config.pools };
  const runnerUrl = config.runnerUrl ?? (mode === "parent" ? env["RUNNER_URL"]?.trim() || undefined : undefined);
  const own = given[defaultPool];
  if (runnerUrl !== undefined && own?.runners === undefined && own?.backend === undefined) {
    const url = resolveUrl(config.runnerUrl === undefined ? "RUNNER_URL" : "runnerUrl", runnerUrl);
    given[defaultPool] = { ...own, runners: [{ url }] };
  } else if (own === undefined && config.backend !== undefined) {
    given[defaultPool] = {};
  }
  return new Map(Object.entries(given).map(([name, pool]) => [name, resolvePool(name, pool, config.backend)]));
};

/**
 * Fills in defaults and checks every field.
 *
 * @throws {ConfigError} naming the field, its value and how to fix it.
 */
export const resolveConfig = (config: FlameConfig, env: Environment): ResolvedConfig => {
  const mode = resolveMode(config, env);
  const defaultPool = config.defaultPool ?? defaults.defaultPool;
  const invokePath = config.invokePath ?? defaults.invokePath;
  if (!/^\/[\w\-./~%]*$/.test(invokePath)) {
    throw new ConfigError(`invokePath is "${invokePath}". Use an absolute path such as "/invoke".`);
  }
  const secret = config.security?.secret ?? (env["FLAME_SECRET"] || undefined);
  if (secret === "") {
    throw new ConfigError("security.secret is empty. Set it, or FLAME_SECRET, to the same long random string on both sides.");
  }
  const keyId = config.security?.keyId ?? (env["FLAME_KEY_ID"]?.trim() || defaults.keyId);
  const acceptKeys = config.security?.acceptKeys ?? [];
  for (const id of [keyId, ...acceptKeys.map((key) => key.id)]) {
    if (!identifier.test(id)) throw new ConfigError(`The key id "${id}" cannot travel in a header. Use up to 128 printable ASCII characters without spaces.`);
  }
  return {
    mode,
    defaultPool,
    pools: resolvePools(config, env, mode, defaultPool),
    invokePath,
    security: {
      secret,
      keyId,
      acceptKeys,
      windowMs: checkNumber("security.windowMs", config.security?.windowMs ?? defaults.windowMs, 1, "milliseconds", false),
    },
    requestTimeoutMs: checkNumber("requestTimeoutMs", config.requestTimeoutMs ?? defaults.requestTimeoutMs, 1, "milliseconds", false),
    maxBodyBytes: checkNumber("maxBodyBytes", config.maxBodyBytes ?? defaults.maxBodyBytes, 1, "bytes"),
    exposeErrors: config.exposeErrors ?? defaults.exposeErrors,
    logger: config.logger,
    telemetry: {
      metrics: config.telemetry?.metrics ?? true,
      baggageKeys: config.telemetry?.baggageKeys ?? [],
      traces: config.telemetry?.traces ?? true,
    },
  };
};
