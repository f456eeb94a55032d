/**
 * Everything a user can set, in one place: what it means, its unit and its
 * default. `resolve-config.ts` is the only reader of raw configuration.
 */
import type { Backend } from "./backend.ts";
import type { IdempotencyOptions } from "./idempotency.ts";
import type { CallError, FlameErrorCode } from "../errors.ts";
import type { IsolationOptions } from "./isolation.ts";
import type { Logger } from "./logger.ts";
import type { PoolConfig, TlsOptions, Transport } from "./pool-options.ts";
import type { RunnerHooks } from "./runner-hooks.ts";

export type { Logger } from "./logger.ts";
export type {
  PoolChange,
  PoolConfig,
  PoolUpdate,
  RecycleOptions,
  RetryBudgetOptions,
  StaticRunner,
  Transport,
  TlsOptions,
} from "./pool-options.ts";

/**
 * Where handlers run: on remote runners (`parent`), in this process as a runner (`runner`), or in this process
 * without runners (`local`).
 */
export type Mode = "parent" | "runner" | "local";

/**
 * An error code, or a function that decides whether to retry after an error. A function that throws counts as
 * `false`.
 */
export type RetryCondition = FlameErrorCode | ((error: CallError) => boolean);

/** How failed calls are retried. */
export interface RetryOptions {
  /**
   * Maximum number of attempts, from 1; failovers and hedges do not count. A value above 1 declares that the method
   * may run again: failures of the handler and lost responses are retried too. Default: 1, where only an attempt that
   * certainly did not execute fails over; 3 for lost responses of an `idempotent` method.
   */
  readonly maxAttempts?: number;
  /**
   * Delay before the second attempt, in milliseconds. It doubles for each further attempt, with ±20% jitter. Default:
   * 100.
   */
  readonly baseDelayMs?: number;
  /**
   * Maximum delay between attempts, in milliseconds. A runner may ask for a longer one, within the deadline. Default:
   * 10,000.
   */
  readonly maxDelayMs?: number;
  /**
   * Restricts retries, failovers included, to errors that match one of these conditions. It never adds retries. An
   * empty list disables them. Default: everything that the other options allow.
   *
   * @example
   * ```ts
   * retry: { maxAttempts: 3, on: ["transport_error", (error) => error.remote?.code === "rate_limited"] }
   * ```
   */
  readonly on?: ReadonlyArray<RetryCondition> | ((error: CallError) => boolean);
  /**
   * Maximum time of one attempt, in milliseconds, from the moment it has a slot on a runner. A longer attempt is
   * aborted, also on its runner, and fails with `timeout`; the rest of the call's deadline is available for another
   * attempt. Default: none.
   */
  readonly attemptTimeoutMs?: number;
}

/**
 * Starts a second attempt on another runner while the first has not answered: lower tail latency for more work. The
 * first success wins and cancels the other attempts. A hedge uses only a free slot, never waits or boots a runner,
 * and takes a token from the pool's retry budget.
 */
export interface HedgeOptions {
  /**
   * Time without an answer until another attempt starts, in milliseconds. The 95th percentile of the method's
   * duration is a good start.
   */
  readonly delayMs: number;
  /** Maximum number of concurrent attempts per call, from 2. Default: 2. */
  readonly maxAttempts?: number;
}

/** Options of a service, a method or one call. The more specific one wins, field by field. */
export interface FlameOptions {
  /** The pool that runs the call. Default: `defaultPool` of the configuration. */
  readonly pool?: string;
  /** Deadline of the whole call, in milliseconds: waiting, all attempts and backoff. Default: `requestTimeoutMs`. */
  readonly timeoutMs?: number;
  /**
   * Idempotency key: while the result is kept, the method runs once per key, and other calls with the key get the
   * same result. Handlers see it as `ctx.idempotencyKey`. At most 255 printable ASCII characters.
   */
  readonly idempotencyKey?: string;
  /** Labels that the runners must have. Selects a pool if `pool` is not set. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Calls with the same key go to the same runner while it has a free slot, so that they find its caches warm. */
  readonly affinityKey?: string;
  /**
   * Lets the handler finish when the caller cancels or disconnects. It keeps its slot until it returns or its
   * deadline passes. Not retried after the caller has left. Default: `false`.
   */
  readonly detached?: boolean;
  /**
   * Declares that running the method again, even concurrently, has the same effect as running it once. Lost responses
   * are then retried, up to 3 attempts: broken connections after the request was sent, and attempts that exceeded
   * `retry.attemptTimeoutMs`. Failures of the handler are retried only with `retry.maxAttempts`, which then applies
   * to everything. Default: `false`.
   */
  readonly idempotent?: boolean;
  /** How failed calls are retried. */
  readonly retry?: RetryOptions;
  /**
   * Hedging of calls that are `idempotent` or have an `idempotencyKey`; not in local mode. `false` disables that of
   * the service or method. Default: none.
   */
  readonly hedge?: HedgeOptions | false;
}

/** Options of one call: `Billing.charge.with({ signal, timeoutMs: 500 })({ amount: 50 })`. */
export interface CallOptions extends FlameOptions {
  /** Aborting it cancels the call: it frees the slot, aborts the request and the handler's signal; see `detached`. */
  readonly signal?: AbortSignal;
}

/** A key that verifies signatures. */
export interface SigningKeyOptions {
  /** The key id, as sent with signatures. */
  readonly id: string;
  /** The shared secret. */
  readonly secret: string;
}

/** Signatures of requests and responses (HMAC-SHA256). */
export interface SecurityOptions {
  /**
   * The shared secret. Default: `FLAME_SECRET`; a parent whose pools all have a backend generates one and passes it
   * to its runners.
   */
  readonly secret?: string;
  /** Key id of signatures made with `secret`. Default: `default`. */
  readonly keyId?: string;
  /** Further keys that verify but do not sign: the old or the next one during a rotation. Default: none. */
  readonly acceptKeys?: ReadonlyArray<SigningKeyOptions>;
  /** Maximum difference of the two sides' clocks, in milliseconds. Default: 60,000. */
  readonly windowMs?: number;
}

/** The methods of a prom-client or @prometheus-io/client registry that Firelight uses. */
export interface MetricsRegistry {
  /**
   * Adds a metric.
   *
   * @param metric the metric
   */
  registerMetric(metric: never): void;
  /**
   * Finds a metric.
   *
   * @param name the metric's name
   */
  getSingleMetric(name: string): unknown;
  /** All metrics in the text format. */
  metrics(): Promise<string>;
  /** Content type of the text. */
  readonly contentType: string;
}

/** What Firelight reports. */
export interface TelemetryOptions {
  /**
   * `true` keeps metrics in a registry of Firelight, `false` keeps none. Pass your registry of prom-client or
   * @prometheus-io/client to add them to your own metrics. Default: `true`.
   */
  readonly metrics?: boolean | MetricsRegistry;
  /**
   * Methods with their own metric series, as `service/method` or `service/*`; all others count as `_OTHER`. Each
   * method has about 118 series. Spans and logs name every method. Default: every method.
   *
   * @throws {ConfigError} if it is not a list of such names.
   */
  readonly methods?: ReadonlyArray<string>;
  /**
   * Upper bounds of the histogram buckets by method, in seconds: calls, attempts, phases and, on runners,
   * invocations. `[]` keeps only sums and counts. Histograms by pool, which alerts read, do not change. Instances
   * that share a registry use the buckets of the first. Default: see docs/telemetry.md.
   *
   * @throws {ConfigError} unless the bounds are positive and increasing.
   */
  readonly buckets?: ReadonlyArray<number>;
  /** Baggage keys that are sent to runners. Default: none. */
  readonly baggageKeys?: ReadonlyArray<string>;
  /**
   * `false` creates no spans, even with an OpenTelemetry SDK. The caller's trace and baggage are still passed on.
   * Default: `true`.
   */
  readonly traces?: boolean;
}

/**
 * Configuration of a Firelight instance. Every field is optional. `onRunnerStart` and `onRunnerStop` apply where
 * handlers run: on a runner and in its isolates, where the options of `createRunnerServer` override them; and in
 * local mode, where the first call waits for `onRunnerStart` and `shutdown` runs `onRunnerStop`.
 */
export interface FlameConfig extends RunnerHooks {
  /** Where handlers run. Default: `FLAME_MODE`, otherwise `runner` if `FLAME_RUNNER=true`, otherwise `parent`. */
  readonly mode?: Mode;
  /** The pool of methods that name none. Default: `default`. */
  readonly defaultPool?: string;
  /** The pools, by name. Default: the default pool alone. */
  readonly pools?: Readonly<Record<string, PoolConfig>>;
  /** Starts runners for every pool with neither its own backend nor static runners. Default: none. */
  readonly backend?: Backend;
  /** Shorthand for a default pool with one static runner. Default: `RUNNER_URL` in parent mode. */
  readonly runnerUrl?: string;
  /** HTTP path of calls on runners. Default: `/invoke`. */
  readonly invokePath?: string;
  /**
   * TLS of connections to runners at `https://` addresses, unless a pool has its own. Default: the runtime's
   * settings.
   */
  readonly tls?: TlsOptions;
  /**
   * HTTP proxy to runners, unless a pool has its own: the `http://` address of a proxy that allows CONNECT to the
   * runners' ports, with credentials if needed; or `"environment"`, which reads `HTTP_PROXY`, `HTTPS_PROXY` and
   * `NO_PROXY` once and skips loopback addresses. Runners that a backend starts at loopback addresses are always
   * reached directly. Default: no proxy, whatever the environment says.
   */
  readonly proxy?: string | false;
  /** How calls are sent to runners, unless a pool says otherwise. Default: `FLAME_TRANSPORT`, otherwise `http`. */
  readonly transport?: Transport;
  /** Signatures of requests and responses. */
  readonly security?: SecurityOptions;
  /** Deadline of calls without `timeoutMs`, in milliseconds. Default: 30,000. */
  readonly requestTimeoutMs?: number;
  /**
   * Maximum size of encoded arguments and of an encoded result, in bytes. Larger arguments fail before anything is
   * sent; a larger result fails with `executed: "yes"`. Default: 10 MiB.
   */
  readonly maxBodyBytes?: number;
  /** Sends messages, codes, details, stacks and causes of handler errors to the caller. Default: `false`. */
  readonly exposeErrors?: boolean;
  /**
   * Where and how long handlers' results are kept for idempotency keys. `false` keeps none; handlers still see the
   * keys. Applies on runners and in local mode. Default: 1 day, in memory.
   */
  readonly idempotency?: IdempotencyOptions | false;
  /** Options of handlers with `isolation`. Applies on runners and in local mode. */
  readonly isolation?: IsolationOptions;
  /** Receives log records. Default: warnings and errors go to the console. */
  readonly logger?: Logger;
  /** Metrics, spans and baggage. */
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
  readonly transport: Transport;
  readonly spawnTimeoutMs: number;
  readonly maxQueue: number;
  readonly idleShutdownMs: number;
  readonly poolDrainTimeoutMs: number;
  readonly healthCheckMs: number;
  readonly orphanTimeoutMs: number;
  readonly panicThreshold: number;
  readonly panicFromRunners: number;
  readonly backendConcurrency: number;
  readonly staticConcurrency: number;
  readonly maxAttempts: number;
  readonly idempotentAttempts: number;
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  readonly hedgeAttempts: number;
  readonly retryTokens: number;
  readonly retryTokenRatio: number;
  readonly retryTokensPerSecond: number;
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
  transport: "http",
  spawnTimeoutMs: 30_000,
  maxQueue: 10_000,
  idleShutdownMs: 30_000,
  poolDrainTimeoutMs: 30_000,
  healthCheckMs: 10_000,
  orphanTimeoutMs: 60_000,
  panicThreshold: 0.5,
  panicFromRunners: 5,
  backendConcurrency: 1,
  staticConcurrency: 16,
  maxAttempts: 1,
  idempotentAttempts: 3,
  baseDelayMs: 100,
  maxDelayMs: 10_000,
  hedgeAttempts: 2,
  retryTokens: 20,
  retryTokenRatio: 0.25,
  retryTokensPerSecond: 1,
};
