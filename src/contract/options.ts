/**
 * Everything a user can set, in one place: what it means, its unit and its
 * default. {@link resolveConfig} is the only reader of raw configuration.
 */
import type { Backend } from "./backend.ts";
import { ANY_RUNNER } from "./envelope.ts";
import { ConfigError } from "./errors.ts";

/** Where handlers run: in remote runners, here as a runner, or here in process. */
export type Mode = "parent" | "runner" | "local";

/** Receives Firelight's log records. `console` fits; so do pino and winston behind a three-line adapter. */
export interface Logger {
  debug?(message: string, meta?: Record<string, unknown>): void;
  info(message: string, meta?: Record<string, unknown>): void;
  warn(message: string, meta?: Record<string, unknown>): void;
  error(message: string, meta?: Record<string, unknown>): void;
}

/** How calls are tried again. */
export interface RetryOptions {
  /**
   * Attempts in all, from 1. More than 1 declares that the method may run again: handler failures and lost
   * responses are retried too. Default 1: only an attempt that provably did not execute fails over.
   */
  readonly maxAttempts?: number;
  /** Milliseconds before the second attempt; doubles each time, with ±20 % jitter. Default 100. */
  readonly baseDelayMs?: number;
  /** Upper bound of the delay, in milliseconds. Default 10 000. */
  readonly maxDelayMs?: number;
}

/** Options of a service, a method or one call; the narrower wins, field by field. */
export interface FlameOptions {
  /** The pool that runs it. Default: `defaultPool` of the configuration. */
  readonly pool?: string;
  /** Milliseconds for the whole call: waiting, all attempts and backoff. Default: `requestTimeoutMs`. */
  readonly timeoutMs?: number;
  /** Travels to the handler as `ctx.idempotencyKey`. At most 255 printable ASCII characters. */
  readonly idempotencyKey?: string;
  readonly retry?: RetryOptions;
}

/** Options of one call: `Billing.charge.with({ signal, timeoutMs: 500 })({ amount: 50 })`. */
export interface CallOptions extends FlameOptions {
  /** Aborting it cancels the call: the lease is released, the request aborted, the handler's signal fired. */
  readonly signal?: AbortSignal;
}

/** A runner at a fixed address. */
export interface StaticRunner {
  /** Must equal the runner's `FLAME_RUNNER_ID` if that is set. Default: the URL. */
  readonly id?: string;
  readonly url: string;
}

/** One pool of runners. */
export interface PoolConfig {
  /** Runners kept alive. Default 0. */
  readonly min?: number;
  /** Most runners at a time. Default 1 with a backend, else the number of static runners. */
  readonly max?: number;
  /** Invocations that one runner works on at a time. Default 1 with a backend, 16 for static runners. */
  readonly maxConcurrency?: number;
  /** Runners at fixed addresses. A pool has these or a backend. */
  readonly runners?: ReadonlyArray<StaticRunner>;
  /** Starts this pool's runners. Default: `backend` of the configuration. */
  readonly backend?: Backend;
  /** Milliseconds a runner may take to boot. Default 30 000. */
  readonly spawnTimeoutMs?: number;
}

/** A named key of a keyring. */
export interface SigningKeyOptions {
  readonly id: string;
  readonly secret: string;
}

/** Signing of requests and responses (HMAC-SHA256). */
export interface SecurityOptions {
  /**
   * The shared secret; also read from `FLAME_SECRET`. A parent whose pools all have a backend makes one of its own
   * and hands it to its runners, so it needs none.
   */
  readonly secret?: string;
  /** The id sent with signatures made with `secret`. Default `default`. */
  readonly keyId?: string;
  /** More keys that verify but do not sign: the old or the next one during a rotation. */
  readonly acceptKeys?: ReadonlyArray<SigningKeyOptions>;
  /** Milliseconds by which the clocks of the two sides may differ. Default 60 000. */
  readonly windowMs?: number;
}

/** The part of a prom-client (or @prometheus-io/client) registry that Firelight uses. */
export interface MetricsRegistry {
  registerMetric(metric: never): void;
  getSingleMetric(name: string): unknown;
  metrics(): Promise<string>;
  readonly contentType: string;
}

/** What Firelight tells about itself. */
export interface TelemetryOptions {
  /**
   * `true` (default) keeps metrics in a registry of Firelight's own, `false` keeps none, and a registry of
   * prom-client or @prometheus-io/client receives them beside the metrics you have.
   */
  readonly metrics?: boolean | MetricsRegistry;
  /** Baggage keys that may travel to runners. Default none. */
  readonly baggageKeys?: ReadonlyArray<string>;
  /** `false` makes no spans, even when an OpenTelemetry SDK is registered. Default `true`. */
  readonly traces?: boolean;
}

/** Configuration of a Firelight instance. Every field has a default. */
export interface FlameConfig {
  /** Default: `FLAME_MODE`, else `runner` when `FLAME_RUNNER=true`, else `parent`. */
  readonly mode?: Mode;
  /** The pool of methods that name none. Default `default`. */
  readonly defaultPool?: string;
  readonly pools?: Readonly<Record<string, PoolConfig>>;
  /** Starts runners for every pool that has neither its own backend nor static runners. */
  readonly backend?: Backend;
  /** Shorthand for a default pool with one static runner; also read from `RUNNER_URL` in parent mode. */
  readonly runnerUrl?: string;
  /** Path of invocations on runners. Default `/invoke`. */
  readonly invokePath?: string;
  readonly security?: SecurityOptions;
  /** Milliseconds for a call that names no `timeoutMs`. Default 30 000. */
  readonly requestTimeoutMs?: number;
  /** Most bytes of a request or response body. Default 10 MiB. */
  readonly maxBodyBytes?: number;
  /** Lets messages, details and stacks of handler errors reach the caller. Default `false`. */
  readonly exposeErrors?: boolean;
  /** Default: warnings and errors go to the console. */
  readonly logger?: Logger;
  readonly telemetry?: TelemetryOptions;
}

interface Defaults {
  readonly defaultPool: string;
  readonly invokePath: string;
  readonly requestTimeoutMs: number;
  readonly maxBodyBytes: number;
  readonly exposeErrors: boolean;
  readonly keyId: string;
  readonly windowMs: number;
  readonly spawnTimeoutMs: number;
  readonly backendConcurrency: number;
  readonly staticConcurrency: number;
  readonly maxAttempts: number;
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
}

/** The defaults of every field that has a fixed one. */
export const defaults: Defaults = {
  defaultPool: "default",
  invokePath: "/invoke",
  requestTimeoutMs: 30_000,
  maxBodyBytes: 10 * 1024 * 1024,
  exposeErrors: false,
  keyId: "default",
  windowMs: 60_000,
  spawnTimeoutMs: 30_000,
  backendConcurrency: 1,
  staticConcurrency: 16,
  maxAttempts: 1,
  baseDelayMs: 100,
  maxDelayMs: 10_000,
};

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

/** Checks a number and names the field when it is off. */
const number = (field: string, value: number, least: number, unit: string, whole = true): number => {
  if (typeof value !== "number" || !(value >= least) || value === Infinity || (whole && !Number.isInteger(value))) {
    throw new ConfigError(`${field} is ${String(value)}. Use ${whole ? "a whole number" : "a number"} of ${unit}, ${least} or more.`);
  }
  return value;
};

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

const resolvePool = (name: string, pool: PoolConfig, fallbackBackend: Backend | undefined): ResolvedPool => {
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
  const min = number(`${at}.min`, pool.min ?? 0, 0, "runners");
  const max = runners.length > 0 ? runners.length : number(`${at}.max`, pool.max ?? Math.max(1, min), 1, "runners");
  if (backend !== undefined && min > max) {
    throw new ConfigError(`${at}.min is ${min} and ${at}.max is ${max}. Make max at least min.`);
  }
  return {
    name,
    min: Math.min(min, max),
    max,
    maxConcurrency: number(
      `${at}.maxConcurrency`,
      pool.maxConcurrency ?? (runners.length > 0 ? defaults.staticConcurrency : defaults.backendConcurrency),
      1,
      "invocations",
    ),
    runners,
    backend,
    spawnTimeoutMs: number(`${at}.spawnTimeoutMs`, pool.spawnTimeoutMs ?? defaults.spawnTimeoutMs, 1, "milliseconds", false),
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

const identifier = /^[\x21-\x7e]{1,128}$/;

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
      windowMs: number("security.windowMs", config.security?.windowMs ?? defaults.windowMs, 1, "milliseconds", false),
    },
    requestTimeoutMs: number("requestTimeoutMs", config.requestTimeoutMs ?? defaults.requestTimeoutMs, 1, "milliseconds", false),
    maxBodyBytes: number("maxBodyBytes", config.maxBodyBytes ?? defaults.maxBodyBytes, 1, "bytes"),
    exposeErrors: config.exposeErrors ?? defaults.exposeErrors,
    logger: config.logger,
    telemetry: {
      metrics: config.telemetry?.metrics ?? true,
      baggageKeys: config.telemetry?.baggageKeys ?? [],
      traces: config.telemetry?.traces ?? true,
    },
  };
};

/** Options merged field by field; later ones win, `retry` included. */
export const mergeOptions = (...layers: ReadonlyArray<FlameOptions | undefined>): FlameOptions => {
  const merged: { -readonly [K in keyof FlameOptions]: FlameOptions[K] } = {};
  for (const layer of layers) {
    if (layer === undefined) continue;
    if (layer.pool !== undefined) merged.pool = layer.pool;
    if (layer.timeoutMs !== undefined) merged.timeoutMs = layer.timeoutMs;
    if (layer.idempotencyKey !== undefined) merged.idempotencyKey = layer.idempotencyKey;
    if (layer.retry !== undefined) merged.retry = { ...merged.retry, ...layer.retry };
  }
  return merged;
};

/**
 * Checks options where they are given, so that a mistake is seen when the service is defined and not at night.
 *
 * @throws {ConfigError} naming the option, its value and how to fix it.
 */
export const checkOptions = (options: FlameOptions, where: string): void => {
  if (options.timeoutMs !== undefined) number(`${where}: timeoutMs`, options.timeoutMs, 0, "milliseconds", false);
  if (options.retry?.maxAttempts !== undefined) number(`${where}: retry.maxAttempts`, options.retry.maxAttempts, 1, "attempts");
  if (options.retry?.baseDelayMs !== undefined) number(`${where}: retry.baseDelayMs`, options.retry.baseDelayMs, 0, "milliseconds", false);
  if (options.retry?.maxDelayMs !== undefined) number(`${where}: retry.maxDelayMs`, options.retry.maxDelayMs, 0, "milliseconds", false);
  if (options.idempotencyKey !== undefined && !/^[\x20-\x7e]{1,255}$/.test(options.idempotencyKey)) {
    throw new ConfigError(`${where}: idempotencyKey must be 1 to 255 printable ASCII characters.`);
  }
};
