/**
 * The step at which both ways to run a method meet: the runner's HTTP server
 * dispatches what it has verified, and local mode dispatches what the parent's
 * client has encoded. Both go through the same codec and give the same reply.
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
  /** What is left of the deadline, in milliseconds. */
  readonly timeoutMs: number;
  readonly idempotencyKey: string | undefined;
  readonly carrier: TraceCarrier;
  /** The encoded arguments: an array. */
  readonly body: Uint8Array;
  /** `performance.now()` at which the request had arrived. */
  readonly arrivedAt: number;
  /** The runner's clock less the parent's, in milliseconds, as far as one way of a message tells. */
  readonly clockOffsetMs: number | undefined;
}

/** What came of it, encoded. */
export interface InvocationReply {
  readonly outcome: "ok" | "error";
  /** The HTTP status code. */
  readonly status: number;
  /** The encoded result, or an `ErrorBody` as JSON. */
  readonly body: Uint8Array;
  readonly timings: RunnerTimings;
  /** What the handler threw, for callers in the same process only; it never crosses the wire. */
  readonly thrown?: unknown;
}

/** Runs invocations. Interrupting the effect aborts the handler's signal. It does not fail: a failure is a reply. */
export interface Dispatcher {
  /** Waits until invocations may come, `timeoutMs` milliseconds at most; `undefined` where there is nothing to wait for. */
  prepare?(timeoutMs: number): Effect.Effect<void, CallError> | undefined;
  dispatch(invocation: Invocation): Effect.Effect<InvocationReply>;
}
