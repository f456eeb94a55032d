/**
 * The interface that both execution paths share: the runner's HTTP server dispatches verified requests, and local mode
 * dispatches what the parent's client has encoded. Both use the same codec and return the same reply.
 */
import type * as Effect from "effect/Effect";
import type { RunnerTimings, TraceCarrier } from "./envelope.ts";
import type { CallError } from "../errors.ts";

/** A verified request to run a method. */
export interface Invocation {
  /** `service/method`. */
  readonly method: string;
  readonly invocationId: string;
  readonly attempt: number;
  /** The remaining time until the deadline, in milliseconds. */
  readonly timeoutMs: number;
  readonly idempotencyKey: string | undefined;
  readonly carrier: TraceCarrier;
  /** The encoded arguments, an array. */
  readonly body: Uint8Array;
  /** `performance.now()` when the request had arrived. */
  readonly arrivedAt: number;
  /** The runner's clock minus the parent's in milliseconds, estimated from one direction only. */
  readonly clockOffsetMs: number | undefined;
}

/** The encoded result. */
export interface InvocationReply {
  readonly outcome: "ok" | "error";
  /** The HTTP status code. */
  readonly status: number;
  /** The encoded result, or an `ErrorBody` as JSON. */
  readonly body: Uint8Array;
  readonly timings: RunnerTimings;
  /** The error that the handler threw, for callers in the same process only. It never crosses the wire. */
  readonly thrown?: unknown;
}

/**
 * Runs invocations. Interrupting the effect aborts the handler's signal. The effect does not fail: a failure is a
 * reply.
 */
export interface Dispatcher {
  /**
   * Waits until invocations are accepted, at most `timeoutMs` milliseconds; `undefined` if there is nothing to wait
   * for.
   */
  prepare?(timeoutMs: number): Effect.Effect<void, CallError> | undefined;
  dispatch(invocation: Invocation): Effect.Effect<InvocationReply>;
}
