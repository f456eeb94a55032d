/** What a user can set of a pool: what it means, its unit and its default. */
import type { Backend } from "./backend.ts";
import type { IdlePredicate } from "./pool-bounds.ts";
import type { ScalingPolicy } from "./scaling.ts";

/** A runner at a fixed address. */
export interface StaticRunner {
  /** Must equal the runner's `FLAME_RUNNER_ID` if that is set. Default: the URL. */
  readonly id?: string;
  /**
   * Base URL, `http://` or `https://`, without user name, password, query and fragment. A path is the prefix of a gateway: calls,
   * heartbeats and health checks go below it.
   */
  readonly url: string;
}

/**
 * TLS of connections to runners at `https://` addresses. The runner's own server speaks HTTP; a gateway, load balancer or sidecar in front of it
 * ends TLS. All values are the content of PEM files.
 */
export interface TlsOptions {
  /** Certificate authorities to trust, in place of those that the runtime trusts. Default: the runtime's, with those of `NODE_EXTRA_CA_CERTS`. */
  readonly ca?: string | Uint8Array | ReadonlyArray<string | Uint8Array>;
  /** The client certificate and its chain, for mutual TLS. Needs `key`. Default: none. */
  readonly cert?: string | Uint8Array;
  /** The private key of `cert`. Default: none. */
  readonly key?: string | Uint8Array;
  /** Decrypts `key`. Default: none. */
  readonly passphrase?: string;
  /** The name that is asked for and that the certificate must have. Default: the host of the runner's URL. */
  readonly serverName?: string;
}

/**
 * Bounds how much the calls of a pool add to its load by being tried again. The bucket starts full. A failure that would be tried again
 * takes a token, and so does a hedge, which leaves enough for failures; a successful call puts `tokenRatio` back. With half of the tokens or less nothing is tried again,
 * failovers included. A call's first failover is free: it costs only if it fails too.
 */
export interface RetryBudgetOptions {
  /** Tokens in a full bucket. Default 10. */
  readonly maxTokens?: number;
  /** Tokens for each successful call: retries per call in the long run. Default 0.1. */
  readonly tokenRatio?: number;
}

/** One pool of runners. */
export interface PoolConfig {
  /** Runners kept alive. Default 0. */
  readonly min?: number;
  /** Most runners at a time. Default 1 with a backend, else the number of static runners. */
  readonly max?: number;
  /** Invocations that one runner works on at a time. Default 1 with a backend, 16 for static runners. */
  readonly maxConcurrency?: number;
  /** What its runners are, such as `{ gpu: "l4" }`; calls with `labels` and no `pool` go to the first pool that has them all. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Runners at fixed addresses. A pool has these or a backend. */
  readonly runners?: ReadonlyArray<StaticRunner>;
  /** Starts this pool's runners. Default: `backend` of the configuration. */
  readonly backend?: Backend;
  /** Milliseconds a runner may take to boot, its `onRunnerStart` included. Default 30 000. */
  readonly spawnTimeoutMs?: number;
  /** Most calls that wait for a slot; more are refused with `overloaded`. Default 10 000. */
  readonly maxQueue?: number;
  /** Milliseconds that a call may wait for a slot; then it ends with `overloaded`. Default: until its deadline. */
  readonly maxQueueWaitMs?: number;
  /** `spread` (default) sends a call to the least loaded runner, `pack` to the most loaded one that has room, so that others become idle. */
  readonly routing?: "spread" | "pack";
  /**
   * How many runners there should be, within `min` and `max`. Where it throws, or gives anything but a target of 0 or more with a
   * reason, {@link reactive} decides, and that is logged once. Default: {@link reactive}, or {@link buffer} of `warm`.
   */
  readonly scaling?: ScalingPolicy;
  /** Slots kept free beyond the calls that run, so that the next call need not wait for a boot. Default 0. */
  readonly warm?: number;
  /**
   * Milliseconds after which a runner above `min` ends that neither calls nor the policy have needed, or a function that decides it:
   * `({ idleMs, served }) => idleMs > 60_000 || served > 1_000`. Default 30 000. `Infinity` keeps it.
   */
  readonly idleShutdownMs?: number | IdlePredicate;
  /** Milliseconds without any call after which the runners of `min` end too, until the next call. Default `Infinity`. */
  readonly minIdleShutdownMs?: number;
  /** Ends a runner after one call, for work that must not share a process. Default `false`. */
  readonly singleUse?: boolean;
  /** When runners are replaced by fresh ones; each finishes what it has. Default: never. */
  readonly recycle?: RecycleOptions;
  /** Milliseconds that a runner which is replaced or ended may take to finish its calls. Default 30 000. */
  readonly drainTimeoutMs?: number;
  /** Milliseconds between two looks at whether runners still answer. Default 10 000. `Infinity` looks only after failures. */
  readonly healthCheckMs?: number;
  /**
   * The share of static runners, from 0 to 1, that must answer for the probes to be believed. With fewer, the fault is rather with the
   * network, the load or this process: calls that find no slot on those that answer go to the others too, in place of waiting. Default
   * 0.5 for five runners or more. Default 0 for fewer, where one dead machine is a large share: then only when none answers. Pools with a
   * backend replace their runners instead.
   */
  readonly panicThreshold?: number;
  /**
   * Milliseconds without word from this parent after which a runner that it started drains and ends by itself, once it has no calls: what
   * keeps runners on other machines from outliving a parent that died. Every call is such a word, and so is a signed heartbeat, sent three
   * times within it. Longer than the backend takes to notice that a runner is up, and than this process is ever kept from its event loop.
   * From 100; default 60 000. `Infinity` lets them live. Static runners never end by this.
   */
  readonly orphanTimeoutMs?: number;
  /** Told when runners are started. What a hook throws or rejects with is logged once, and changes nothing. */
  readonly onGrow?: (change: PoolChange) => void;
  /** Told when runners are ended, or their boots canceled, because they are not needed. */
  readonly onShrink?: (change: PoolChange) => void;
  /** Told when every slot that the pool may have is in use and calls wait. */
  readonly onSaturated?: (saturation: {
    readonly pool: string;
    readonly waiting: number;
    readonly limit: number;
  }) => void;
  /** TLS of connections to its runners: calls, heartbeats and health checks. Default: `tls` of the configuration. */
  readonly tls?: TlsOptions;
  /** The proxy to its runners; `false` for none. Default: `proxy` of the configuration. */
  readonly proxy?: string | false;
  /** `false` sets no bound. Default: 10 tokens, and 0.1 for each success. */
  readonly retryBudget?: RetryBudgetOptions | false;
}

/** When a runner is replaced. */
export interface RecycleOptions {
  /** After this many calls. */
  readonly maxCalls?: number;
  /** After this many milliseconds. */
  readonly maxAgeMs?: number;
  /** When its resident memory is above this many bytes, as seen every `healthCheckMs`. */
  readonly maxRssBytes?: number;
}

/** A pool that changes its number of runners. */
export interface PoolChange {
  readonly pool: string;
  /** Runners before and after. */
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

/** What of a pool may change while it is in use. */
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
