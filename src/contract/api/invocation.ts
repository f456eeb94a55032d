/**
 * The invocation that a handler serves, and how code that the handler calls can read it.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { TraceCarrier } from "../wire/envelope.ts";
import type { Logger } from "../config/options.ts";
import { processWide } from "../process/copies.ts";

/**
 * The first argument of every handler made with `defineMethod`.
 *
 * @example
 * ```ts
 * defineMethod.render(async (ctx, scene: Scene) => {
 *   const response = await fetch(scene.url, { signal: ctx.signal });
 *   ctx.logger.info("scene loaded", { bytes: response.headers.get("content-length") });
 * });
 * ```
 */
export interface InvocationContext {
  /** The id of the call, the same for all of its attempts. */
  readonly invocationId: string;
  /** The method, as `service/method`. */
  readonly method: string;
  /** When the caller stops waiting, in milliseconds since 1970 by this machine's clock; `null` without a deadline. */
  readonly deadline: number | null;
  /**
   * Aborted at the deadline, when the caller cancels, and when it disconnects. Of a detached call: only at the
   * deadline and when the runner stops. Pass it to everything that accepts a signal.
   */
  readonly signal: AbortSignal;
  /**
   * The handler's trace context, ready to send as headers. If the process records no spans, the context of the
   * caller. Empty if the call belongs to no trace.
   */
  readonly trace: TraceCarrier;
  /** Number of the attempt, from 1. */
  readonly attempt: number;
  /** The idempotency key of the call, if it has one. */
  readonly idempotencyKey: string | undefined;
  /** Logs with the invocation's id, method, attempt and trace id on each record. */
  readonly logger: Logger;
}

/** What calls that a handler makes inherit. */
export interface RunningInvocation extends InvocationContext {
  /** The deadline by `performance.now()`, which does not move when the system clock is set; `Infinity` without one. It may grow. */
  deadlineAt?(): number;
}

/**
 * The invocation that surrounds the running code, if any. Calls made from inside a handler continue it, also those made
 * with another copy of this package.
 */
export const currentInvocation: AsyncLocalStorage<RunningInvocation> = processWide(
  "current-invocation",
  () => new AsyncLocalStorage<RunningInvocation>(),
);
