/** A call that nobody waits for as it is made: `Method.spawn` gives a handle to it. */
import { randomUUID } from "node:crypto";
import { callRemote, type RemoteTarget } from "./caller.ts";
import { FlameError } from "../errors.ts";

/**
 * The status of a job: `pending` until its first attempt starts, then `running`, retries included, and finally
 * `done`, `failed` or `canceled`.
 */
export type JobStatus = "pending" | "running" | "done" | "failed" | "canceled";

/**
 * A call in progress, as `Method.spawn` returns it. Like other calls, it has a deadline, and a shutdown finishes or
 * rejects it. If nobody calls {@link Job.result}, only telemetry reports a failure.
 *
 * @example
 * ```ts
 * const job = Reports.build.spawn("2026-11");
 * response.writeHead(202).end(job.id);
 * const report = await job.result();
 * ```
 */
export interface Job<Result> extends AsyncDisposable {
  /** The invocation id: `ctx.invocationId` in the handler, `flame.invocation.id` in telemetry. */
  readonly id: string;
  /** The current status. */
  status(): JobStatus;
  /** The result. May be called any number of times. Rejects with a {@link CallError}. */
  result(): Promise<Result>;
  /**
   * Cancels the call; no-op if it has ended. With `detached`, the handler continues.
   *
   * @param reason becomes the `cause` of the error
   */
  cancel(reason?: unknown): void;
  /** Cancels the job if it has not ended, and waits for its end: `await using job = …`. */
  [Symbol.asyncDispose](): Promise<void>;
}

class SpawnedJob implements Job<unknown> {
  readonly id = randomUUID();
  readonly #controller = new AbortController();
  readonly #result: Promise<unknown>;
  #status: JobStatus = "pending";

  constructor(target: RemoteTarget, args: ReadonlyArray<unknown>) {
    const given = target.options.signal;
    const abort = (): void => this.cancel(given?.reason);
    if (given?.aborted === true) abort();
    given?.addEventListener("abort", abort, { once: true });
    const ended = (status: JobStatus): void => {
      this.#status = status;
      given?.removeEventListener("abort", abort);
    };
    this.#result = callRemote({ ...target, options: { ...target.options, signal: this.#controller.signal } }, args, {
      id: this.id,
      started: () => {
        this.#status = "running";
      },
    });
    this.#result.then(
      () => ended("done"),
      (error: unknown) => ended(error instanceof FlameError && error.code === "canceled" ? "canceled" : "failed"),
    );
  }

  status(): JobStatus {
    return this.#status;
  }

  result(): Promise<unknown> {
    return this.#result;
  }

  cancel(reason?: unknown): void {
    this.#controller.abort(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
    await Promise.allSettled([this.#result]);
  }
}

/** Makes a call and gives a handle to it. Must be called in the caller's own stack. */
export const spawn = (target: RemoteTarget, args: ReadonlyArray<unknown>): Job<unknown> => new SpawnedJob(target, args);
