/** Gets a lease for a call: at once if a slot is free, else in a stage of its own. */
import * as Effect from "effect/Effect";
import type { CallError } from "../contract/errors.ts";
import { FlameError } from "../contract/errors.ts";
import type { AcquireResult, AcquireSource, SpanIds, Telemetry } from "../telemetry/telemetry.ts";
import type { Call } from "./run-call.ts";
import { errorOf, remainingMs } from "./run-call.ts";
import type { RunnerPreference } from "./pool/core/events.ts";
import type { Lease } from "./pool/lease.ts";
import type { AcquireRequest } from "./pool/acquire-request.ts";
import type { Pool } from "./pool/pool.ts";

const resultOf = (error: CallError | undefined): AcquireResult => {
  if (error === undefined) return "acquired";
  if (error.code === "timeout") return "timeout";
  return error.code === "canceled" ? "canceled" : "rejected";
};

/** Asks a pool. The call holds the lease from the moment it is granted. */
class SlotRequest implements AcquireRequest {
  readonly #call: Call;
  readonly #pool: Pool;
  readonly #telemetry: Telemetry;
  readonly #startedAt = performance.now();
  readonly preference: RunnerPreference;
  readonly queueDepth: number;

  constructor(call: Call, pool: Pool, avoid: string | undefined, telemetry: Telemetry) {
    this.#call = call;
    this.#pool = pool;
    this.#telemetry = telemetry;
    this.preference = { avoid, affinityKey: call.options.affinityKey };
    this.queueDepth = pool.queueDepth;
  }

  get method(): string {
    return this.#call.method;
  }

  get remainingMs(): number {
    return remainingMs(this.#call);
  }

  get span(): SpanIds | undefined {
    return this.#call.span;
  }

  granted(lease: Lease): void {
    this.#call.lease = lease;
  }

  /** Books what came of it. */
  ended(result: AcquireResult, source: AcquireSource): void {
    const call = this.#call;
    const pool = this.#pool;
    const durationMs = performance.now() - this.#startedAt;
    call.phases.acquire += durationMs;
    call.coldStart ||= source === "cold";
    call.acquired = { acquireSource: source, queueDepth: this.queueDepth, slotLimit: pool.slotLimit };
    this.#telemetry.emit({ _tag: "AcquireEnded", pool: pool.name, result, source, durationMs, span: call.span });
  }
}

/** Fails in the next turn of the event loop: whoever calls again and again must not keep others from their answers. */
const refuseLater = (error: CallError): Effect.Effect<never, CallError> =>
  Effect.callback((resume) => {
    const turn = setImmediate(() => resume(Effect.fail(error)));
    return Effect.sync(() => clearImmediate(turn));
  });

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
  const visit = new SlotRequest(call, pool, avoid, telemetry);
  const immediate = pool.tryAcquire(visit);
  if (immediate instanceof FlameError) {
    visit.ended("rejected", "warm");
    return refuseLater(immediate);
  }
  if (immediate !== undefined) {
    visit.ended("acquired", "warm");
    return immediate;
  }

  return telemetry.stage(
    { _tag: "acquire", facts: { pool: pool.name, queueDepth: visit.queueDepth, slotLimit: pool.slotLimit } },
    (span) => {
      const waiting = pool.acquire(visit);
      if (span.ids !== undefined) for (const obstacle of pool.obstacles()) span.link(obstacle);
      return Effect.onExit(waiting, (exit) =>
        Effect.sync(() => {
          const error = errorOf(exit, call);
          const lease = error === undefined ? call.lease : undefined;
          const source = lease?.source ?? (pool.booting ? "cold" : "queued");
          const result = resultOf(error);
          span.setAttributes({ acquireResult: result, acquireSource: source, runnerId: lease?.runner.id });
          visit.ended(result, source);
        }),
      );
    },
  );
};

/** A lease for an attempt beside those on the `busy` runners: at once and on another runner than theirs, or not at all. */
export const acquireElsewhere = (
  call: Call,
  pool: Pool,
  avoid: string,
  busy: ReadonlySet<string>,
  telemetry: Telemetry,
): Lease | undefined => {
  const { runners, slotsUsed, slotsProvisioned, pending } = pool.snapshot();
  if (pending > 0 || slotsUsed >= slotsProvisioned || runners.idle + runners.busy <= busy.size) return undefined;
  const visit = new SlotRequest(call, pool, avoid, telemetry);
  const lease = pool.tryAcquire(visit);
  if (lease === undefined || lease instanceof FlameError) return undefined;
  if (busy.has(lease.runner.id)) {
    lease.release();
    return undefined;
  }
  visit.ended("acquired", "warm");
  return lease;
};
