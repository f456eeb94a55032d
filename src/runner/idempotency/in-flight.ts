/**
 * One execution for an idempotency key, and every request in this process that waits for it. It runs as long as a
 * request waits, until the latest of their deadlines; a request with an earlier deadline leaves alone. A handler that
 * goes on after its execution was aborted keeps the key, and its result is stored if it returns one.
 */
import * as Cause from "effect/Cause";
import type * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import type * as Fiber from "effect/Fiber";
import type { Invocation } from "../../contract/wire/dispatcher.ts";
import type { CallError, Executed } from "../../contract/errors.ts";
import type { IdempotencyClaim, IdempotencyState } from "../../contract/config/idempotency.ts";
import type { IdempotencyOutcome } from "../../telemetry/telemetry.ts";
import { failureOf } from "../handler/failure.ts";
import { maxTimerMs } from "../../contract/validation/check-number.ts";
import { brokenError, conflictError, deadlineError, unavailableError } from "./errors.ts";
import { decodeSaved, encodeSaved, isFinal, type Result, tooLargeToKeep } from "./saved-response.ts";
import type { StoreCalls } from "./store-calls.ts";

/** A request with a key, and how to run it. */
export interface KeyedRequest {
  readonly invocation: Invocation;
  /** Runs the method. `deadlineAt` is called again whenever the deadline seems to have passed. */
  run(deadlineAt: () => number): Effect.Effect<Uint8Array, CallError>;
  /** The encoded result of a handler that goes on after the run was aborted. */
  lateResult(): Promise<Uint8Array> | undefined;
  /** Called at most once, before the request ends, with the outcome of its key. */
  decided(outcome: IdempotencyOutcome): void;
}

export interface InFlightOptions {
  readonly store: StoreCalls;
  readonly runnerId: string;
  readonly exposeErrors: boolean;
  readonly maxReplyBytes: number;
}

/** The outcome for the requests that wait. `again`: the key is free, and a request can start a new execution. */
export type Outcome = { readonly outcome: IdempotencyOutcome; readonly result: Result } | "again";

type Run = Effect.Effect<Uint8Array, CallError>;
type Forked = Fiber.Fiber<Uint8Array, CallError>;

interface WaitingCall {
  readonly request: KeyedRequest;
  readonly deadlineAt: number;
  readonly resume: (result: Result | "again") => void;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Delay between two polls of the store for a key that another runner holds, in milliseconds. It doubles up to the
 * maximum.
 */
const firstPollMs = 25;
const maxPollMs = 1_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class InFlightExecution {
  readonly claim: IdempotencyClaim;
  readonly #options: InFlightOptions;
  readonly #starter: KeyedRequest;
  readonly #fork: (run: Run) => Forked;
  readonly #waiters = new Set<WaitingCall>();
  #deadlineAt = -Infinity;
  #stopRenewing = (): Promise<void> => Promise.resolve();
  #fiber: Forked | undefined;
  #stage: "asking" | "running" | "aborted" | "completing" = "asking";

  /** @param fork Starts an execution that outlives the request of `starter`, in its context. */
  constructor(options: InFlightOptions, claim: IdempotencyClaim, starter: KeyedRequest, fork: (run: Run) => Forked) {
    this.#options = options;
    this.claim = claim;
    this.#starter = starter;
    this.#fork = fork;
  }

  /** Waits for the outcome, at most until the deadline of the request. Returns a function that stops waiting. */
  attach(request: KeyedRequest, resume: (result: Result | "again") => void): () => void {
    const { arrivedAt, timeoutMs } = request.invocation;
    const waiter: WaitingCall = { request, deadlineAt: arrivedAt + timeoutMs, resume, timer: undefined };
    this.#waiters.add(waiter);
    this.#deadlineAt = Math.max(this.#deadlineAt, waiter.deadlineAt);
    const leftMs = waiter.deadlineAt - performance.now();
    if (leftMs <= maxTimerMs) waiter.timer = setTimeout(() => this.#deadline(waiter), Math.max(0, leftMs));
    return () => {
      if (this.#waiters.has(waiter)) this.#leave(waiter);
    };
  }

  /** Runs, once. Pass the outcome to {@link resolve}. */
  async run(): Promise<Outcome> {
    try {
      const state = await this.#ask();
      if (state === "unwanted") return "again";
      if (state?.state !== "started") return this.#withoutRunning(state);
      if (this.#waiters.size === 0) return await this.#free();
      this.#stopRenewing = this.#options.store.renew(this.claim);
      return await this.#execute();
    } catch (thrown) {
      return { outcome: "executed", result: { error: brokenError(this.#starter.invocation.method, thrown) } };
    }
  }

  /** Ends all requests that wait. */
  resolve(end: Outcome): void {
    for (const waiter of this.#waiters) {
      this.#remove(waiter);
      if (end === "again") {
        waiter.resume("again");
        continue;
      }
      const { outcome, result } = end;
      const neverRan = outcome === "executed" && "error" in result && result.error.executed === "no";
      if (!neverRan) waiter.request.decided(this.#outcomeFor(waiter, outcome));
      waiter.resume(result);
    }
  }

  async #ask(): Promise<IdempotencyState | "unwanted" | undefined> {
    for (let pollMs = firstPollMs; ; pollMs = Math.min(2 * pollMs, maxPollMs)) {
      const state = await this.#options.store.begin(this.claim);
      if (state?.state !== "running") return state;
      await pause(pollMs);
      if (this.#waiters.size === 0) return "unwanted";
    }
  }

  #withoutRunning(state: Exclude<IdempotencyState, { state: "started" }> | undefined): Outcome {
    const { method } = this.#starter.invocation;
    if (state?.state === "done") return { outcome: "replayed", result: decodeSaved(state.reply, method) };
    return state?.state === "conflict"
      ? { outcome: "conflict", result: { error: conflictError(method) } }
      : { outcome: "unavailable", result: { error: unavailableError(method, this.#options.runnerId) } };
  }

  async #execute(): Promise<Outcome> {
    this.#stage = "running";
    const exit = await new Promise<Exit.Exit<Uint8Array, CallError>>((resolve) => {
      this.#fiber = this.#fork(this.#starter.run(() => this.#deadlineAt));
      this.#fiber.addObserver(resolve);
    });
    if (Exit.isSuccess(exit)) return this.#complete({ body: exit.value });
    if (Cause.hasInterruptsOnly(exit.cause)) return this.#afterAbort();
    const error = failureOf(exit.cause);
    if (error.code !== "timeout") return this.#complete({ error });
    this.resolve({ outcome: "executed", result: { error } });
    return this.#afterAbort();
  }

  async #afterAbort(): Promise<Outcome> {
    this.#stage = "aborted";
    const body = await this.#starter.lateResult()?.catch(() => undefined);
    return body === undefined ? this.#free() : this.#complete({ body });
  }

  /** Stores a final result; frees the key otherwise. */
  async #complete(result: Result): Promise<Outcome> {
    this.#stage = "completing";
    await this.#stopRenewing();
    const { store, exposeErrors, maxReplyBytes } = this.#options;
    if (isFinal(result)) {
      const bytes = "body" in result ? result.body.byteLength : 0;
      const { method } = this.#starter.invocation;
      const stored = bytes > maxReplyBytes ? tooLargeToKeep(method, bytes, maxReplyBytes) : result;
      await store.complete(this.claim, encodeSaved(stored, exposeErrors));
    } else {
      await store.abandon(this.claim);
    }
    return { outcome: "executed", result };
  }

  async #free(): Promise<Outcome> {
    await this.#stopRenewing();
    await this.#options.store.abandon(this.claim);
    return "again";
  }

  /** The starter executed the handler; all other requests joined it. */
  #outcomeFor({ request }: WaitingCall, outcome: IdempotencyOutcome): IdempotencyOutcome {
    return outcome === "executed" && (request !== this.#starter || this.#stage === "asking") ? "joined" : outcome;
  }

  #remove(waiter: WaitingCall): void {
    clearTimeout(waiter.timer);
    this.#waiters.delete(waiter);
  }

  #leave(waiter: WaitingCall): void {
    waiter.request.decided(this.#outcomeFor(waiter, "executed"));
    this.#remove(waiter);
    if (this.#waiters.size > 0 || this.#stage !== "running") return;
    this.#stage = "aborted";
    this.#fiber?.interruptUnsafe();
  }

  /**
   * An execution ends itself at the latest deadline. A request with an earlier one, or without a running execution,
   * ends here.
   */
  #deadline(waiter: WaitingCall): void {
    if (this.#stage === "running" && waiter.deadlineAt >= this.#deadlineAt) return;
    const executed: Executed = this.#stage === "asking" ? "unknown" : "yes";
    this.#leave(waiter);
    waiter.resume({ error: deadlineError(waiter.request.invocation, executed) });
  }
}
