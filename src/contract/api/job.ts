/** A call that nobody waits for as it is made: `Method.spawn` gives a handle to it. */
import { randomUUID } from "node:crypto";
import { callRemote, type RemoteTarget } from "./caller.ts";
import { FlameError } from "../errors.ts";

/**
 * Where a job is: `pending` until its first attempt begins (it waits for a slot, or was refused one), `running` from then
 * on, retries included, and in the end one of the others.
 */
export type JobStatus = "pending" | "running" | "done" | "failed" | "canceled";

/**
 * A call under way. It is a call like others: it has a deadline, and a shutdown lets it finish or refuses it. A failure
 * that nobody asks for by {@link Job.result} is reported by telemetry only.
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
  status(): JobStatus;
  /** The result, as often as it is asked for. Rejects with a CallError. */
  result(): Promise<Result>;
  /** Cancels the call. With `detached`, the handler goes on. The reason becomes the `cause` of the error. Nothing happens when the job has ended. */
  cancel(reason?: unknown): void;
  /** Cancels the job unless it has ended, and waits until it has: `await using job = …`. */
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
