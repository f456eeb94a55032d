/** Acquires a lease for a call: at once if a slot is free, otherwise in a stage of its own. */
import * as Effect from "effect/Effect";
import type { CallError } from "../contract/errors.ts";
import type { AcquireResult, AcquireSource } from "../telemetry/telemetry.ts";
import { type Call, errorOf } from "./call.ts";
import { GrantedLease, type Lease } from "./pool/lease.ts";
import type { Pool } from "./pool/pool.ts";

const resultOf = (error: CallError | undefined): AcquireResult => {
  if (error === undefined) return "acquired";
  if (error.code === "timeout") return "timeout";
  return error.code === "canceled" ? "canceled" : "rejected";
};

/** Records how an acquisition ended. */
const onAcquireEnded = (
  call: Call,
  pool: Pool,
  startedAt: number,
  queueDepth: number,
  result: AcquireResult,
  source: AcquireSource,
): void => {
  const durationMs = performance.now() - startedAt;
  call.phases.acquire += durationMs;
  call.coldStart ||= source === "cold";
  call.acquired = { acquireSource: source, queueDepth, slotLimit: pool.slotLimit };
  call.client.telemetry.emit({ _tag: "AcquireEnded", pool: pool.name, result, source, durationMs, span: call.span });
};

/** Fails in the next turn of the event loop, so that a caller in a tight loop does not starve responses. */
const failLater = (error: CallError): Effect.Effect<never, CallError> =>
  Effect.callback((resume) => {
    const turn = setImmediate(() => resume(Effect.fail(error)));
    return Effect.sync(() => clearImmediate(turn));
  });

/**
 * A lease on a runner of the pool, if possible not on `avoid`: as it is where a slot is free, otherwise as an effect.
 * The call holds the lease from the moment it is granted, so that it is released however the call ends.
 */
export const acquire = (call: Call, pool: Pool, avoid: string | undefined): Lease | Effect.Effect<Lease, CallError> => {
  const startedAt = performance.now();
  const { queueDepth } = pool;
  const preference = { avoid, affinityKey: call.options.affinityKey };
  const immediate = pool.tryAcquire(call, preference);
  if (immediate instanceof GrantedLease) {
    onAcquireEnded(call, pool, startedAt, queueDepth, "acquired", "warm");
    return immediate;
  }
  if (immediate !== undefined) {
    onAcquireEnded(call, pool, startedAt, queueDepth, "rejected", "warm");
    return failLater(immediate);
  }

  return call.client.telemetry.stage(
    { _tag: "acquire", facts: { pool: pool.name, queueDepth, slotLimit: pool.slotLimit } },
    (span) => {
      const waiting = pool.acquire(call, preference);
      if (span.ids !== undefined) for (const obstacle of pool.obstacles()) span.link(obstacle);
      return Effect.onExit(waiting, (exit) =>
        Effect.sync(() => {
          const error = errorOf(exit, call);
          const lease = error === undefined ? call.lease : undefined;
          const source = lease?.source ?? (pool.booting ? "cold" : "queued");
          const result = resultOf(error);
          span.setAttributes({ acquireResult: result, acquireSource: source, runnerId: lease?.runner.id });
          onAcquireEnded(call, pool, startedAt, queueDepth, result, source);
        }),
      );
    },
  );
};

/** A lease for a hedge: at once, and on a runner that is not among the `busy` ones; otherwise `undefined`. */
export const acquireElsewhere = (
  call: Call,
  pool: Pool,
  avoid: string,
  busy: ReadonlySet<string>,
): Lease | undefined => {
  const { runners, slotsUsed, slotsProvisioned, pending } = pool.snapshot();
  if (pending > 0 || slotsUsed >= slotsProvisioned || runners.idle + runners.busy <= busy.size) return undefined;
  const startedAt = performance.now();
  const lease = pool.tryAcquire(call, { avoid, affinityKey: call.options.affinityKey });
  if (!(lease instanceof GrantedLease)) return undefined;
  if (busy.has(lease.runner.id)) {
    lease.release();
    return undefined;
  }
  onAcquireEnded(call, pool, startedAt, pending, "acquired", "warm");
  return lease;
};
