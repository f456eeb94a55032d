/** Gets a lease for a call: at once if a slot is free, else in a stage of its own. */
import { Effect } from "effect";
import type { CallError } from "../contract/errors.ts";
import { FlameError } from "../contract/errors.ts";
import type { AcquireResult, AcquireSource, Telemetry } from "../telemetry/telemetry.ts";
import type { Call } from "./call.ts";
import { errorOf, remainingMs } from "./call.ts";
import type { Lease } from "./pool/lease.ts";
import type { AcquireRequest, Pool } from "./pool/pool.ts";

const resultOf = (error: CallError | undefined): AcquireResult => {
  if (error === undefined) return "acquired";
  if (error.code === "timeout") return "timeout";
  return error.code === "canceled" ? "canceled" : "rejected";
};

/**
 * A lease on a runner of the pool, if possible not on `avoid`; as it is where a slot is free, else as an effect. The call holds it from the moment it is granted, so
 * that it is given back however the call ends.
 */
export const acquire = (
  call: Call,
  pool: Pool,
  avoid: string | undefined,
  telemetry: Telemetry,
): Lease | Effect.Effect<Lease, CallError> => {
  const startedAt = performance.now();
  const queueDepth = pool.queueDepth;
  const request: AcquireRequest = {
    method: call.method,
    wish: { avoid, affinityKey: call.options.affinityKey },
    remainingMs: remainingMs(call),
    span: call.span,
    granted: (lease) => {
      call.lease = lease;
    },
  };

  const ended = (result: AcquireResult, source: AcquireSource): void => {
    const durationMs = performance.now() - startedAt;
    call.phases.acquire += durationMs;
    call.coldStart ||= source === "cold";
    call.acquired = { acquireSource: source, queueDepth, slotLimit: pool.slotLimit };
    telemetry.emit({ _tag: "AcquireEnded", pool: pool.name, result, source, durationMs, span: call.span });
  };

  const immediate = pool.tryAcquire(request);
  if (immediate instanceof FlameError) {
    ended("rejected", "warm");
    return Effect.fail(immediate);
  }
  if (immediate !== undefined) {
    ended("acquired", "warm");
    return immediate;
  }

  return telemetry.stage(
    { _tag: "acquire", facts: { pool: pool.name, queueDepth, slotLimit: pool.slotLimit } },
    (span) => {
      const waiting = pool.acquire(request);
      if (span.ids !== undefined) for (const obstacle of pool.obstacles()) span.link(obstacle);
      return Effect.onExit(waiting, (exit) =>
        Effect.sync(() => {
          const error = errorOf(exit, call);
          const lease = error === undefined ? call.lease : undefined;
          const source = lease?.source ?? (pool.booting ? "cold" : "queued");
          const result = resultOf(error);
          span.note({ acquireResult: result, acquireSource: source, runnerId: lease?.runner.id });
          ended(result, source);
        }),
      );
    },
  );
};
