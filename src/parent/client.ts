/**
 * The parent. Start here. A call goes forward through these stages, and each one imports the next:
 *
 *   client → run-call (encode) → retry-loop → attempt (acquire, send, read)
 *                                     └──── hedge ────┘
 *
 * One object, the `Call` of call.ts, carries what they share.
 */
import { randomBytes } from "node:crypto";
import type * as Effect from "effect/Effect";
import type { Codec } from "../contract/codec/codec.ts";
import type { Dispatcher } from "../contract/wire/dispatcher.ts";
import type { TraceCarrier } from "../contract/wire/envelope.ts";
import type { CallError } from "../contract/errors.ts";
import { ORPHAN_TIMEOUT_VARIABLE } from "../contract/wire/heartbeat.ts";
import type { FanOutRequest, FanOutRun } from "../contract/api/caller.ts";
import { currentInvocation } from "../contract/api/invocation.ts";
import type { ResolvedConfig } from "../contract/config/resolve-config.ts";
import type { ResolvedPool } from "../contract/config/resolve-pool.ts";
import { type Keyring, makeKeyring, type SigningKey } from "../contract/wire/signature.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { CallRequest, ClientContext, PoolContext } from "./call.ts";
import { runFanOut } from "./fan-out.ts";
import { makeHeartbeat } from "./heartbeat.ts";
import { Pool } from "./pool/pool.ts";
import { probeRunner } from "./pool/runners/probe.ts";
import type { PoolHandle } from "./pool/stats.ts";
import { RetryBudget } from "./retry-budget.ts";
import { promiseCall, runCall } from "./run-call.ts";
import { SenderClock } from "./sender-clock.ts";
import { RunnerLinks } from "./transport/link/links.ts";
import { makeTransport } from "./transport/make-transport.ts";
import { responseLimit } from "./transport/response-body.ts";
import type { HttpTransport } from "./transport/transport.ts";

export interface ClientDeps {
  readonly config: ResolvedConfig;
  readonly telemetry: Telemetry;
  readonly codec: Codec;
  /** The clock that this parent names to runners. Default: a new one. */
  readonly clock?: SenderClock;
  /** Runs every call in this process, in place of a pool: local mode. */
  readonly local?: Dispatcher;
}

/** Makes calls. */
export interface Client {
  /**
   * A call, as an effect. Each run of the effect is a call of its own. Must be called in the caller's own stack, where
   * the active span of the host and the surrounding invocation are visible.
   */
  call(request: CallRequest): Effect.Effect<unknown, CallError>;
  /** A call, as a promise that rejects with a {@link CallError}. The same rule applies. */
  run(request: CallRequest): Promise<unknown>;
  /** Makes the calls of a fan-out, with a span around them. The same rule applies. */
  fanOut(request: FanOutRequest): FanOutRun;
  /** Every pool, by name. */
  readonly pools: Readonly<Record<string, PoolHandle>>;
  /**
   * Shuts the client down. New calls and calls that wait are rejected. Running calls have `graceMs` milliseconds to
   * finish (default: 10,000). Then the client stops the runners that it started.
   */
  shutdown(graceMs?: number): Promise<void>;
}

/** Default time that running calls have to finish when a client is shut down, in milliseconds. */
export const shutdownGraceMs = 10_000;

/** The key that requests are signed with. A random one if this parent starts all of its runners. */
const signingKey = (config: ResolvedConfig): SigningKey | undefined => {
  const { secret, keyId } = config.security;
  if (secret !== undefined) return { id: keyId, secret };
  const startsAll = [...config.pools.values()].every((pool) => pool.backend !== undefined);
  return startsAll && config.pools.size > 0 ? { id: keyId, secret: randomBytes(32).toString("base64url") } : undefined;
};

const runnerEnv = (
  key: SigningKey | undefined,
  { name, orphanTimeoutMs }: ResolvedPool,
  runnerId: string,
  carrier: TraceCarrier,
): Record<string, string> => ({
  FLAME_MODE: "runner",
  FLAME_RUNNER_ID: runnerId,
  FLAME_POOL: name,
  ...(key === undefined ? {} : { FLAME_SECRET: key.secret, FLAME_KEY_ID: key.id }),
  ...(key === undefined || orphanTimeoutMs === Infinity ? {} : { [ORPHAN_TIMEOUT_VARIABLE]: String(orphanTimeoutMs) }),
  ...(carrier.traceparent === undefined ? {} : { TRACEPARENT: carrier.traceparent }),
  ...(carrier.tracestate === undefined ? {} : { TRACESTATE: carrier.tracestate }),
});

/** A pool, and what its calls share. */
interface OpenPool extends PoolContext {
  /** Carries all requests to its runners: calls, heartbeats and health checks. */
  readonly transport: HttpTransport;
  /** Its links; `undefined` if it uses none. */
  readonly links: RunnerLinks | undefined;
}

/** The links of a pool; `undefined` if it uses none. */
const linksOf = (
  { transport, connection }: ResolvedPool,
  { invokePath }: ResolvedConfig,
  keyring: Keyring,
  maxBodyBytes: number,
): RunnerLinks | undefined =>
  transport === "http" ? undefined : new RunnerLinks({ transport, invokePath, connection, keyring, maxBodyBytes });

/** Makes a client. A pool with a `min` starts its runners at once; nothing else starts before the first call. */
export const makeClient = ({ config, telemetry, codec, local, clock = new SenderClock() }: ClientDeps): Client => {
  const key = signingKey(config);
  const keyring = key === undefined ? undefined : makeKeyring(key, config.security.acceptKeys);
  const maxResponseBytes = responseLimit(config.maxBodyBytes);

  const openPool = (pool: ResolvedPool, transport: HttpTransport): OpenPool => {
    const links = keyring === undefined ? undefined : linksOf(pool, config, keyring, maxResponseBytes);
    const exchange =
      keyring === undefined ? undefined : { config, maxResponseBytes, codec, transport, links, keyring, clock };
    const open: OpenPool = {
      pool: new Pool(pool, telemetry, {
        nameRunner: (poolName) => `${poolName}-${randomBytes(4).toString("hex")}`,
        env: (of, runnerId, carrier) => runnerEnv(key, of, runnerId, carrier),
        heartbeat: exchange === undefined ? () => {} : makeHeartbeat(exchange),
        probe: (url) => probeRunner(transport, url),
        forget: (url) => {
          links?.forget(url);
          transport.forget(url);
        },
      }),
      retryBudget: pool.retryBudget === undefined ? undefined : new RetryBudget(pool.retryBudget),
      multipleRunners: pool.bounds.max > 1,
      transport,
      links,
      exchange,
    };
    if (links !== undefined) links.onEvent = (url, event) => open.pool.onLinkEvent(url, event);
    return open;
  };
  const configured = local === undefined ? [...config.pools.values()] : [];
  // All transports are made before the first pool: an invalid certificate must not leave runners behind.
  const transports = configured.map((pool) => makeTransport(pool.connection));
  const pools = new Map(configured.map((pool, index) => [pool.name, openPool(pool, transports[index]!)]));
  const client: ClientContext = { config, telemetry, codec, local, pools };

  return {
    call: (request) => runCall(client, request, { host: telemetry.capture(), outer: currentInvocation.getStore() }),
    run: (request) => promiseCall(client, request, { host: telemetry.capture(), outer: currentInvocation.getStore() }),
    fanOut: (request) => runFanOut(client, request, { host: telemetry.capture(), outer: currentInvocation.getStore() }),
    pools: Object.fromEntries([...pools].map(([name, { pool }]) => [name, pool])),
    shutdown: async (graceMs = shutdownGraceMs) => {
      await Promise.all([...pools.values()].map(({ pool }) => pool.close(graceMs)));
      for (const { links } of pools.values()) links?.close();
      await Promise.all([...pools.values()].map(({ transport }) => transport.close()));
    },
  };
};
