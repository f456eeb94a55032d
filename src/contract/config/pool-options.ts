/** What a user can set of a pool: what it means, its unit and its default. */
import type { Backend } from "./backend.ts";
import type { IdlePredicate } from "./pool-bounds.ts";
import type { ScalingPolicy } from "./scaling.ts";

/** A runner at a fixed address. */
export interface StaticRunner {
  /** The runner id. Must equal the runner's `FLAME_RUNNER_ID` if that is set. Default: the URL. */
  readonly id?: string;
  /**
   * Base URL, `http://` or `https://`, without credentials, query and fragment. A path is the prefix of a gateway:
   * calls, heartbeats and health checks use it.
   */
  readonly url: string;
}

/**
 * TLS of connections to runners at `https://` addresses. A runner's own server speaks HTTP; a gateway, load balancer
 * or sidecar in front of it terminates TLS. All values are the content of PEM files.
 */
export interface TlsOptions {
  /**
   * Trusted certificate authorities, instead of the runtime's. Default: those of the runtime and of
   * `NODE_EXTRA_CA_CERTS`.
   */
  readonly ca?: string | Uint8Array | ReadonlyArray<string | Uint8Array>;
  /** The client certificate and its chain, for mutual TLS. Requires `key`. Default: none. */
  readonly cert?: string | Uint8Array;
  /** The private key of `cert`. Default: none. */
  readonly key?: string | Uint8Array;
  /** Passphrase of `key`. Default: none. */
  readonly passphrase?: string;
  /** Server name to request and to verify in the certificate. Default: the host of the runner's URL. */
  readonly serverName?: string;
}

/**
 * Limits the load that retries add to a pool: a token bucket that starts full. A retry or hedge takes a token; a retry
 * that succeeds returns it. Every other successful call adds `tokenRatio`, and every second `tokensPerSecond`. Without a
 * token nothing is retried, failovers included. The first failover of a call is free while more than half are left. With the defaults, attempts
 * that fail at random in up to 30% of cases are retried as declared, and an outage adds at most one attempt per five calls.
 */
export interface RetryBudgetOptions {
  /** Tokens in a full bucket: how many retries may fail in a row. At least 1. Default: 20. */
  readonly maxTokens?: number;
  /** Tokens that a call adds which succeeds without a retry. Default: 0.25. */
  readonly tokenRatio?: number;
  /** Tokens that every second adds, so that a pool with few calls can always retry. Default: 1. */
  readonly tokensPerSecond?: number;
}

/** One pool of runners. */
export interface PoolConfig {
  /** Minimum number of runners. Default: 0. */
  readonly min?: number;
  /** Maximum number of runners. Default: 1 with a backend, otherwise the number of static runners. */
  readonly max?: number;
  /** Maximum number of concurrent calls per runner. Default: 1 with a backend, 16 for static runners. */
  readonly maxConcurrency?: number;
  /**
   * Labels of the runners, such as `{ gpu: "l4" }`. A call with `labels` and no `pool` uses the first pool that has
   * them all. Default: none.
   */
  readonly labels?: Readonly<Record<string, string>>;
  /** Runners at fixed addresses. A pool has these or a backend. Default: none. */
  readonly runners?: ReadonlyArray<StaticRunner>;
  /** Starts the pool's runners. Default: `backend` of the configuration. */
  readonly backend?: Backend;
  /** Maximum time of a boot, `onRunnerStart` included, in milliseconds. Default: 30,000. */
  readonly spawnTimeoutMs?: number;
  /** Maximum number of calls that wait for a slot; further calls fail with `overloaded`. Default: 10,000. */
  readonly maxQueue?: number;
  /**
   * Maximum time a call waits for a slot, in milliseconds; then it fails with `overloaded`. Default: the call's
   * deadline.
   */
  readonly maxQueueWaitMs?: number;
  /**
   * `spread` sends a call to the least loaded runner, `pack` to the most loaded one with a free slot, so that others
   * become idle. Default: `spread`.
   */
  readonly routing?: "spread" | "pack";
  /**
   * Decides how many runners there should be, within `min` and `max`. If it throws or returns an invalid decision,
   * {@link reactive} decides, and the pool logs that once. Default: {@link reactive}, or {@link buffer} with `warm`.
   */
  readonly scaling?: ScalingPolicy;
  /** Spare slots beyond the running calls, so that the next calls do not wait for a boot. Default: 0. */
  readonly warm?: number;
  /**
   * Time until a runner above `min` that neither calls nor the policy need ends, in milliseconds; or a function that
   * decides it: `({ idleMs, served }) => idleMs > 60_000 || served > 1_000`. `Infinity` keeps it. Default: 30,000.
   */
  readonly idleShutdownMs?: number | IdlePredicate;
  /**
   * Time without calls until the runners of `min` end too, in milliseconds; the next call starts them again. Default:
   * `Infinity`.
   */
  readonly minIdleShutdownMs?: number;
  /** Ends each runner after one call, for work that must not share a process. Default: `false`. */
  readonly singleUse?: boolean;
  /** When to replace runners; each finishes its calls first. Default: never. */
  readonly recycle?: RecycleOptions;
  /**
   * Maximum time that a runner has for its calls before it is replaced or stopped, in milliseconds. Default: 30,000.
   */
  readonly drainTimeoutMs?: number;
  /** Time between health checks, in milliseconds. `Infinity` checks only after failures. Default: 10,000. */
  readonly healthCheckMs?: number;
  /**
   * Share of static runners, from 0 to 1, that must be healthy for health checks to count. Below it, the network, the
   * load or this process is the likelier cause, and calls without a free slot go to unhealthy runners too. Does not
   * apply to pools with a backend, which replace their runners. Default: 0.5 with at least 5 runners, otherwise 0
   * (only if none is healthy).
   */
  readonly panicThreshold?: number;
  /**
   * A runner exits if it hears nothing from its parent for this long, in milliseconds, and has no calls. This keeps
   * runners on other machines from outliving a dead parent. Calls count, and so do signed heartbeats, sent three
   * times within it. Must exceed the time that the backend needs to report a runner as ready, and the longest block
   * of this process's event loop. Static runners ignore it. From 100; `Infinity` disables it. Default: 60,000.
   */
  readonly orphanTimeoutMs?: number;
  /** Called when the pool starts runners. Errors are logged once and change nothing. */
  readonly onGrow?: (change: PoolChange) => void;
  /**
   * Called when the pool stops runners, or cancels boots, because they are not needed. Errors are logged once and
   * change nothing.
   */
  readonly onShrink?: (change: PoolChange) => void;
  /**
   * Called when every slot that the pool may have is in use and calls wait. Errors are logged once and change
   * nothing.
   */
  readonly onSaturated?: (saturation: {
    /** The pool. */
    readonly pool: string;
    /** Calls that wait for a slot. */
    readonly waiting: number;
    /** Maximum number of slots of the pool. */
    readonly limit: number;
  }) => void;
  /** TLS of connections to the pool's runners. Default: `tls` of the configuration. */
  readonly tls?: TlsOptions;
  /** Proxy to the pool's runners; `false` uses none. Default: `proxy` of the configuration. */
  readonly proxy?: string | false;
  /**
   * How calls are sent to the pool's runners. Default: `transport` of the configuration.
   *
   * @throws {ConfigError} if it is none of `auto`, `http` and `link`.
   */
  readonly transport?: Transport;
  /** Limit of the pool's retries; `false` sets none. Default: 10 tokens, and 0.1 per success. */
  readonly retryBudget?: RetryBudgetOptions | false;
}

/**
 * How calls are sent to runners. `http`: one request per call. `link`: all calls over one WebSocket per runner.
 * `auto`: over a link if there is one, otherwise over HTTP: while the link is being opened, if a runner or a proxy
 * refuses it, and for static runners without an id, because such an address may stand for several runners.
 */
export type Transport = "auto" | "http" | "link";

/** When a runner is replaced. */
export interface RecycleOptions {
  /** After this number of calls. Default: never. */
  readonly maxCalls?: number;
  /** At this age, in milliseconds. Default: never. */
  readonly maxAgeMs?: number;
  /** When its resident memory exceeds this size, in bytes, checked every `healthCheckMs`. Default: never. */
  readonly maxRssBytes?: number;
}

/** A change of a pool's number of runners. */
export interface PoolChange {
  /** The pool. */
  readonly pool: string;
  /** Number of runners before. */
  readonly from: number;
  /** Number of runners after. */
  readonly to: number;
  /** Why, as the scaling policy or the pool says. */
  readonly reason: string;
}

/** Options of a pool that can change while it is in use. */
export type PoolUpdate = Pick<
  PoolConfig,
  | "min"
  | "max"
  | "maxConcurrency"
  | "maxQueue"
  | "maxQueueWaitMs"
  | "routing"
  | "scaling"
  | "warm"
  | "idleShutdownMs"
  | "minIdleShutdownMs"
  | "recycle"
  | "drainTimeoutMs"
  | "panicThreshold"
>;
