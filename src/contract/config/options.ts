/**
 * Everything a user can set, in one place: what it means, its unit and its
 * default. `resolve-config.ts` is the only reader of raw configuration.
 */
import type { Backend } from "./backend.ts";
import type { IdempotencyOptions } from "./idempotency.ts";
import type { CallError, FlameErrorCode } from "../errors.ts";
import type { IsolationOptions } from "./isolation.ts";
import type { Logger } from "./logger.ts";
import type { PoolConfig, TlsOptions } from "./pool-options.ts";
import type { RunnerHooks } from "./runner-hooks.ts";

export type { Logger } from "./logger.ts";
export type {
  PoolChange,
  PoolConfig,
  PoolUpdate,
  RecycleOptions,
  RetryBudgetOptions,
  StaticRunner,
  TlsOptions,
} from "./pool-options.ts";

/** Where handlers run: in remote runners, here as a runner, or here in process. */
export type Mode = "parent" | "runner" | "local";

/** A code that errors may have, or a function that tells whether to try again. One that throws counts as a no. */
export type RetryCondition = FlameErrorCode | ((error: CallError) => boolean);

/** How calls are tried again. */
export interface RetryOptions {
  /**
   * Attempts in all, from 1; failovers and hedges are not counted. More than 1 declares that the method may run again: handler
   * failures and lost responses are retried too. Default 1, only an attempt that provably did not execute fails over; for an
   * `idempotent` method 3, where a response was lost.
   */
  readonly maxAttempts?: number;
  /** Milliseconds before the second attempt; doubles each time, with ±20 % jitter. Default 100. */
  readonly baseDelayMs?: number;
  /** Upper bound of the delay, in milliseconds. A runner that asks for more gets it, within the deadline. Default 10 000. */
  readonly maxDelayMs?: number;
  /**
   * Narrows what is tried again, failovers included, to errors that one of these fits; it never widens it. An empty list lets nothing be
   * tried again. Default: everything that the other options allow.
   *
   * @example
   * ```ts
   * retry: { maxAttempts: 3, on: ["transport_error", (error) => error.remote?.code === "rate_limited"] }
   * ```
   */
  readonly on?: ReadonlyArray<RetryCondition> | ((error: CallError) => boolean);
  /**
   * Milliseconds for one attempt, from the moment it has a slot on a runner. An attempt that takes longer is aborted, on its runner too,
   * and fails with `timeout`; what is left of the call's deadline is there for another one, if the policy allows it. Default: none.
   */
  readonly attemptTimeoutMs?: number;
}

/**
 * A second attempt on another runner while the first has no answer yet: less waiting for the slowest, for more work. The first
 * success wins and the other attempts are canceled. A hedge takes only a slot that is free, never waits or boots a runner, and costs
 * a token of the pool's retry budget.
 */
export interface HedgeOptions {
  /** Milliseconds without an answer after which another attempt is started; the 95th percentile of the method's duration is a good start. */
  readonly delayMs: number;
  /** Attempts that one call may have running at a time, from 2. Default 2. */
  readonly maxAttempts?: number;
}

/** Options of a service, a method or one call; the narrower wins, field by field. */
export interface FlameOptions {
  /** The pool that runs it. Default: `defaultPool` of the configuration. */
  readonly pool?: string;
  /** Milliseconds for the whole call: waiting, all attempts and backoff. Default: `requestTimeoutMs`. */
  readonly timeoutMs?: number;
  /**
   * Names this request: while its result is kept, the method runs once for the key, and every other call with the key gets
   * that result. Travels to the handler as `ctx.idempotencyKey`. At most 255 printable ASCII characters.
   */
  readonly idempotencyKey?: string;
  /** What the runners must be; chooses a pool where none is named. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Calls with the same key go to the same runner while it has room, so that they find its caches warm. */
  readonly affinityKey?: string;
  /**
   * Lets work that was sent finish: whoever cancels the call, or disconnects, ends it for the caller, and the handler
   * goes on until its deadline. It keeps its slot until then. Not retried once the caller has left. Default `false`.
   */
  readonly detached?: boolean;
  /**
   * Declares that the method may run again, at any time and even while it is running, with the same effect as running once. Lost
   * responses are then retried: a connection that broke after the request was sent, and an attempt that ran into
   * `retry.attemptTimeoutMs`, up to 3 attempts in all. Failures of the handler are not, unless `retry.maxAttempts` asks for it; if it is
   * set, it holds for everything. Default `false`.
   */
  readonly idempotent?: boolean;
  readonly retry?: RetryOptions;
  /** Used for calls that are `idempotent` or carry an `idempotencyKey`, and not in local mode. `false` turns off that of the service or method. Default: none. */
  readonly hedge?: HedgeOptions | false;
}

/** Options of one call: `Billing.charge.with({ signal, timeoutMs: 500 })({ amount: 50 })`. */
export interface CallOptions extends FlameOptions {
  /** Aborting it cancels the call: the lease is released, the request aborted, the handler's signal fired; see `detached`. */
  readonly signal?: AbortSignal;
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
  /**
   * The methods that metrics name, as `service/method` or `service/*`; the others count as `_OTHER` there. Spans and logs
   * name every method. Limits the number of series, of which each method has about 118: see docs/observability.md.
   * Default: every method.
   *
   * @throws ConfigError for anything else than such a list.
   */
  readonly methods?: ReadonlyArray<string>;
  /**
   * Upper bounds, in seconds, of the buckets of the histograms that each method has series in: calls, attempts, phases and,
   * on runners, invocations. `[]` keeps their sums and counts alone. Histograms by pool, which alerts read, keep theirs.
   * Instances that share a registry share those of the first. Default: those of docs/telemetry.md.
   *
   * @throws ConfigError unless they are positive numbers, each greater than the one before.
   */
  readonly buckets?: ReadonlyArray<number>;
  /** Baggage keys that may travel to runners. Default none. */
  readonly baggageKeys?: ReadonlyArray<string>;
  /**
   * `false` makes no spans, even when an OpenTelemetry SDK is registered. The trace and the baggage of the caller are
   * passed on all the same. Default `true`.
   */
  readonly traces?: boolean;
}

/**
 * Configuration of a Firelight instance. Every field has a default. `onRunnerStart` and `onRunnerStop` are read where handlers run: on
 * a runner and in its isolates, where options of `createRunnerServer` override them; and in local mode, where the first call waits for
 * the one and `shutdown` runs the other.
 */
export interface FlameConfig extends RunnerHooks {
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
  /** TLS of connections to runners at `https://` addresses, for pools that have none of their own. Default: none. */
  readonly tls?: TlsOptions;
  /**
   * The proxy to runners, for pools that name none: the `http://` address of one that allows CONNECT to the runners' ports, with user name and
   * password if it wants them; or `"environment"`, which reads `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` when it is configured and never
   * takes loopback addresses. Runners that a backend starts at loopback addresses are always reached directly. Default: no proxy, whatever
   * the environment says.
   */
  readonly proxy?: string | false;
  readonly security?: SecurityOptions;
  /** Milliseconds for a call that names no `timeoutMs`. Default 30 000. */
  readonly requestTimeoutMs?: number;
  /**
   * Maximum size of encoded arguments and of an encoded result, in bytes. Larger arguments fail before anything is sent; for a larger result
   * the error says `executed: "yes"`. Default 10 MiB.
   */
  readonly maxBodyBytes?: number;
  /** Lets messages, codes, details, stacks and causes of handler errors reach the caller. Default `false`. */
  readonly exposeErrors?: boolean;
  /**
   * Where and for how long handlers' results are kept for idempotency keys; `false` keeps none, and keys only reach the
   * handlers. Read where handlers run: on a runner, and in local mode. Default: a day, in memory.
   */
  readonly idempotency?: IdempotencyOptions | false;
  /** What runs handlers with an `isolation`. Read where handlers run: on a runner, and in local mode. */
  readonly isolation?: IsolationOptions;
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
  retryTokens: 10,
  retryTokenRatio: 0.1,
};
