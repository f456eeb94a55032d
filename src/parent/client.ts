/**
 * The parent. Read this first: it composes the stages that a call walks through.
 *
 *   call → encode → acquire → attempt (sign, send, verify, decode) → result
 *            ↑                  ↓ failed, and may be tried again
 *            └──── backoff ─────┘
 */
import { randomBytes } from "node:crypto";
import * as Effect from "effect/Effect";
import type { Codec } from "../contract/codec/codec.ts";
import { copiesNote } from "../contract/process/copies.ts";
import type { Dispatcher } from "../contract/wire/dispatcher.ts";
import type { TraceCarrier } from "../contract/wire/envelope.ts";
import type { CallError } from "../contract/errors.ts";
import { ConfigError, FlameError, withContext } from "../contract/errors.ts";
import { ORPHAN_TIMEOUT_VARIABLE } from "../contract/wire/heartbeat.ts";
import { untilAborted, type FanOutRequest, type FanOutRun } from "../contract/api/caller.ts";
import { currentInvocation } from "../contract/api/invocation.ts";
import type { ResolvedConfig } from "../contract/config/resolve-config.ts";
import type { ResolvedPool } from "../contract/config/resolve-pool.ts";
import type { SigningKey } from "../contract/wire/signature.ts";
import { makeKeyring } from "../contract/wire/signature.ts";
import type { StageSpan, Telemetry } from "../telemetry/telemetry.ts";
import { acquire } from "./acquire.ts";
import { attempt } from "./attempt.ts";
import type { AttemptCause } from "./attempt-cause.ts";
import { argumentsTooLarge } from "./attempt-errors.ts";
import type { Call, CallOrigin, CallRequest } from "./run-call.ts";
import {
  countAttempt,
  callFacts,
  canceled,
  closePhases,
  errorContext,
  errorOf,
  inheritedSignal,
  poolFor,
  remainingMs,
  startCall,
} from "./run-call.ts";
import { makeFanOut } from "./fan-out.ts";
import { makeHeartbeat } from "./heartbeat.ts";
import { localAttempt } from "./local-attempt.ts";
import { makeTransport } from "./transport/make-transport.ts";
import type { PoolHandle } from "./pool/stats.ts";
import { Pool } from "./pool/pool.ts";
import { probeRunner } from "./pool/runners/probe.ts";
import type { AttemptMaker, PoolContext } from "./pool-context.ts";
import { withRetries } from "./retry-loop.ts";
import { RetryBudget } from "./retry-budget.ts";
import { SenderClock } from "./sender-clock.ts";
import type { HttpTransport } from "./transport/transport.ts";

export interface ClientDeps {
  readonly config: ResolvedConfig;
  readonly telemetry: Telemetry;
  readonly codec: Codec;
  /** The time that this parent tells runners. Default: one that begins now. */
  readonly clock?: SenderClock;
  /** Where every call goes in place of a pool: local mode. */
  readonly local?: Dispatcher;
}

/** Makes calls. */
export interface Client {
  /**
   * A call, as an effect; each run of it is a call of its own. Must be called in the caller's own stack, where the
   * host's active span and the surrounding invocation can be seen.
   */
  call(request: CallRequest): Effect.Effect<unknown, CallError>;
  /** Makes the calls of a fan-out, with a span around them. The same rule holds. */
  fanOut(request: FanOutRequest): FanOutRun;
  /** Every pool, by name. */
  readonly pools: Readonly<Record<string, PoolHandle>>;
  /**
   * Ends it: no new calls, waiting ones are refused, running ones may finish within `graceMs` (default 10 000), then
   * the runners that it started are ended.
   */
  shutdown(graceMs?: number): Promise<void>;
}

/** Milliseconds that running calls have by default when a client is shut down. */
export const shutdownGraceMs = 10_000;

/** The key that requests are signed with; made up where all runners are started by this parent. */
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

/** Makes a client. Pools with a `min` start their runners at once; nothing else starts before the first call. */
export const makeClient = ({ config, telemetry, codec, local, clock = new SenderClock() }: ClientDeps): Client => {
  const key = signingKey(config);
  const keyring = key === undefined ? undefined : makeKeyring(key, config.security.acceptKeys);

  const makeLane = (pool: ResolvedPool, transport: HttpTransport): PoolContext => {
    const remote = keyring === undefined ? undefined : { config, telemetry, codec, transport, keyring, clock };
    return {
      pool: new Pool(pool, telemetry, {
        nameRunner: (poolName) => `${poolName}-${randomBytes(4).toString("hex")}`,
        env: (of, runnerId, carrier) => runnerEnv(key, of, runnerId, carrier),
        heartbeat: remote === undefined ? () => {} : makeHeartbeat(remote),
        probe: (url) => probeRunner(transport, url),
        forget: transport.forget,
      }),
      budget: pool.retryBudget === undefined ? undefined : new RetryBudget(pool.retryBudget),
      several: pool.bounds.max > 1,
      transport,
      remote,
    };
  };
  const pools = local === undefined ? [...config.pools.values()] : [];
  const transports = pools.map((pool) => makeTransport(pool.connection));
  const lanes = new Map(pools.map((pool, index) => [pool.name, makeLane(pool, transports[index]!)]));

  const noPool = (call: Call): CallError => {
    const known = [...lanes.keys()].join(", ") || "none";
    return new ConfigError(
      `${call.method}: there is no pool "${call.pool}" (known: ${known}). Add it to pools, or set runnerUrl or a backend.${known === "none" ? copiesNote() : ""}`,
      errorContext(call),
    );
  };

  const noSecret = (call: Call): CallError =>
    new ConfigError(
      `${call.method}: no secret to sign with. Set security.secret or FLAME_SECRET to the secret of the runners of "${call.pool}".`,
      errorContext(call),
    );

  const attemptOn: AttemptMaker["attemptOn"] = (call, body, cause, lease) => {
    const remote = lanes.get(call.pool)?.remote;
    if (remote === undefined) return Effect.fail(noSecret(call));
    countAttempt(call);
    return attempt(remote, call, lease, body, cause);
  };

  const attemptHere = (here: Dispatcher, call: Call, body: Uint8Array, cause: AttemptCause) => {
    countAttempt(call);
    return localAttempt({ telemetry, codec, local: here }, call, body, cause);
  };

  const attemptOnce: AttemptMaker["attemptOnce"] = (call, body, cause, avoid) => {
    if (local !== undefined) {
      const prepared = local.prepare?.(remainingMs(call));
      if (prepared === undefined) return attemptHere(local, call, body, cause);
      return Effect.flatMap(
        Effect.mapError(prepared, (error) => withContext(error, errorContext(call))),
        () => attemptHere(local, call, body, cause),
      );
    }
    const context = lanes.get(call.pool);
    if (context === undefined) return Effect.fail(noPool(call));
    if (context.remote === undefined) return Effect.fail(noSecret(call));
    const lease = acquire(call, context.pool, avoid, telemetry);
    return Effect.isEffect(lease)
      ? Effect.flatMap(lease, (granted) => attemptOn(call, body, cause, granted))
      : attemptOn(call, body, cause, lease);
  };

  const maker: AttemptMaker = { telemetry, poolContextOf: (pool) => lanes.get(pool), attemptOnce, attemptOn };

  const encode = (call: Call): Uint8Array | CallError => {
    const startedAt = performance.now();
    try {
      const body = codec.encode(call.args, `arguments of ${call.method}`);
      return body.byteLength <= config.maxBodyBytes
        ? body
        : argumentsTooLarge(call, body.byteLength, config.maxBodyBytes);
    } catch (error) {
      return withContext(error as CallError, { ...errorContext(call), executed: "no", phase: "encode" });
    } finally {
      call.phases.encode += performance.now() - startedAt;
    }
  };

  const finish = (call: Call, span: StageSpan, error: CallError | undefined): void => {
    call.lease?.release();
    if (error === undefined) lanes.get(call.pool)?.budget?.earn();
    const durationMs = performance.now() - call.startedAt;
    const phases = closePhases(call, durationMs);
    if (span.ids !== undefined) span.setAttributes(callFacts(call));
    telemetry.emit({
      _tag: "CallEnded",
      method: call.method,
      pool: call.pool,
      durationMs,
      attempts: call.attempts,
      phases,
      error,
      invocationId: call.invocationId,
      span: span.ids,
    });
  };

  const run = (call: Call): Effect.Effect<unknown, CallError> => {
    telemetry.emit({ _tag: "CallStarted", method: call.method, pool: call.pool });
    return telemetry.stage(
      {
        _tag: "call",
        method: call.method,
        host: call.origin.host,
        linkTo: call.origin.linkTo,
        facts: {
          pool: call.pool,
          invocationId: call.invocationId,
          deadlineMs: call.timeoutMs,
          idempotencyKey: call.options.idempotencyKey === undefined ? undefined : true,
          detached: call.options.detached === true ? true : undefined,
        },
      },
      (span) => {
        call.span = span.ids;
        const body = encode(call);
        const { signal } = call.options;
        const inherited = inheritedSignal(call);
        const start = () => (body instanceof FlameError ? Effect.fail(body) : withRetries(maker, call, body));
        return Effect.onExitPrimitive(
          signal === undefined && inherited === undefined
            ? start()
            : untilAborted(Effect.suspend(start), [inherited, signal], (reason) => canceled(call, reason)),
          (exit) => {
            finish(call, span, errorOf(exit, call));
            return undefined;
          },
        );
      },
    );
  };

  const here = (): CallOrigin => ({ host: telemetry.capture(), outer: currentInvocation.getStore() });

  const callFrom = (request: CallRequest, origin: CallOrigin): Effect.Effect<unknown, CallError> =>
    Effect.suspend(() => run(startCall(request, config, origin)));

  return {
    call: (request) => callFrom(request, here()),
    fanOut: (request) => {
      const pool = poolFor(request.options, config);
      return makeFanOut(
        { telemetry, callFrom, slotLimit: () => lanes.get(pool)?.pool.slotLimit },
        request,
        pool,
        here(),
      );
    },
    pools: Object.fromEntries([...lanes].map(([name, { pool }]) => [name, pool])),
    shutdown: async (graceMs = shutdownGraceMs) => {
      await Promise.all([...lanes.values()].map(({ pool }) => pool.close(graceMs)));
      await Promise.all([...lanes.values()].map(({ transport }) => transport.close()));
    },
  };
};
