/**
 * One execution for a key, and everybody in this process who waits for it. It runs
 * as long as anybody waits, until the latest of their deadlines; who gives up
 * earlier leaves alone. A handler that goes on though it was given up keeps its key,
 * and if it returns in the end, its result is kept.
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
  /** Runs the method. `deadlineAt` is asked anew whenever the deadline seems over. */
  run(deadlineAt: () => number): Effect.Effect<Uint8Array, CallError>;
  /** After a run that was given up: what the handler ends with if it goes on, encoded. */
  late(): Promise<Uint8Array> | undefined;
  /** Is told at most once, before the request ends, what its key came to. */
  decided(outcome: IdempotencyOutcome): void;
}

export interface FlightOptions {
  readonly store: StoreCalls;
  readonly runnerId: string;
  readonly exposeErrors: boolean;
  readonly maxReplyBytes: number;
}

/** How a flight ended for those who wait. `again`: the key is free, and whoever still wants to may have it. */
export type Outcome = { readonly outcome: IdempotencyOutcome; readonly result: Result } | "again";

type Run = Effect.Effect<Uint8Array, CallError>;
type Forked = Fiber.Fiber<Uint8Array, CallError>;

interface WaitingCall {
  readonly request: KeyedRequest;
  readonly deadlineAt: number;
  readonly resume: (result: Result | "again") => void;
  timer: NodeJS.Timeout | undefined;
}

/** Milliseconds before a store is asked again about a key that another runner has; doubled each time. */
const firstPollMs = 25;
const longestPollMs = 1_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class InFlightExecution {
  readonly claim: IdempotencyClaim;
  readonly #options: FlightOptions;
  readonly #starter: KeyedRequest;
  readonly #fork: (run: Run) => Forked;
  readonly #waiters = new Set<WaitingCall>();
  #deadlineAt = -Infinity;
  #stopKeeping = (): Promise<void> => Promise.resolve();
  #fiber: Forked | undefined;
  #stage: "asking" | "running" | "given up" | "settling" = "asking";

  /** @param fork starts a run that goes on without `starter`, in its context. */
  constructor(options: FlightOptions, claim: IdempotencyClaim, starter: KeyedRequest, fork: (run: Run) => Forked) {
    this.#options = options;
    this.claim = claim;
    this.#starter = starter;
    this.#fork = fork;
  }

  /** Waits for the end, at most until the request's deadline. Returns how to stop waiting. */
  attach(request: KeyedRequest, resume: (result: Result | "again") => void): () => void {
    const { arrivedAt, timeoutMs } = request.invocation;
    const waiter: WaitingCall = { request, deadlineAt: arrivedAt + timeoutMs, resume, timer: undefined };
    this.#waiters.add(waiter);
    this.#deadlineAt = Math.max(this.#deadlineAt, waiter.deadlineAt);
    const leftMs = waiter.deadlineAt - performance.now();
    if (leftMs <= maxTimerMs) waiter.timer = setTimeout(() => this.#deadline(waiter), Math.max(0, leftMs));
    return () => {
      if (this.#waiters.has(waiter)) this.#giveUp(waiter);
    };
  }

  /** Flies, once. Whoever waits when this settles is to {@link land} with what it gives. */
  async fly(): Promise<Outcome> {
    try {
      const state = await this.#ask();
      if (state === "unwanted") return "again";
      if (state?.state !== "started") return this.#withoutRunning(state);
      if (this.#waiters.size === 0) return await this.#free();
      this.#stopKeeping = this.#options.store.keep(this.claim);
      return await this.#run();
    } catch (thrown) {
      return { outcome: "executed", result: { error: brokenError(this.#starter.invocation.method, thrown) } };
    }
  }

  /** Tells everybody who waits. */
  land(landing: Outcome): void {
    for (const waiter of this.#waiters) {
      this.#remove(waiter);
      if (landing === "again") {
        waiter.resume("again");
        continue;
      }
      const { outcome, result } = landing;
      const neverRan = outcome === "executed" && "error" in result && result.error.executed === "no";
      if (!neverRan) waiter.request.decided(this.#outcomeFor(waiter, outcome));
      waiter.resume(result);
    }
  }

  async #ask(): Promise<IdempotencyState | "unwanted" | undefined> {
    for (let pollMs = firstPollMs; ; pollMs = Math.min(2 * pollMs, longestPollMs)) {
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

  async #run(): Promise<Outcome> {
    this.#stage = "running";
    const exit = await new Promise<Exit.Exit<Uint8Array, CallError>>((resolve) => {
      this.#fiber = this.#fork(this.#starter.run(() => this.#deadlineAt));
      this.#fiber.addObserver(resolve);
    });
    if (Exit.isSuccess(exit)) return this.#settle({ body: exit.value });
    if (Cause.hasInterruptsOnly(exit.cause)) return this.#afterGivingUp();
    const error = failureOf(exit.cause);
    if (error.code !== "timeout") return this.#settle({ error });
    this.land({ outcome: "executed", result: { error } });
    return this.#afterGivingUp();
  }

  async #afterGivingUp(): Promise<Outcome> {
    this.#stage = "given up";
    const body = await this.#starter.late()?.catch(() => undefined);
    return body === undefined ? this.#free() : this.#settle({ body });
  }

  /** Keeps a result that is final, and frees the key for any other. */
  async #settle(result: Result): Promise<Outcome> {
    this.#stage = "settling";
    await this.#stopKeeping();
    const { store, exposeErrors, maxReplyBytes } = this.#options;
    if (isFinal(result)) {
      const bytes = "body" in result ? result.body.byteLength : 0;
      const { method } = this.#starter.invocation;
      const kept = bytes > maxReplyBytes ? tooLargeToKeep(method, bytes, maxReplyBytes) : result;
      await store.complete(this.claim, encodeSaved(kept, exposeErrors));
    } else {
      await store.abandon(this.claim);
    }
    return { outcome: "executed", result };
  }

  async #free(): Promise<Outcome> {
    await this.#stopKeeping();
    await this.#options.store.abandon(this.claim);
    return "again";
  }

  /** The starter ran the handler; everybody else waited for that. */
  #outcomeFor({ request }: WaitingCall, outcome: IdempotencyOutcome): IdempotencyOutcome {
    return outcome === "executed" && (request !== this.#starter || this.#stage === "asking") ? "joined" : outcome;
  }

  #remove(waiter: WaitingCall): void {
    clearTimeout(waiter.timer);
    this.#waiters.delete(waiter);
  }

  #giveUp(waiter: WaitingCall): void {
    waiter.request.decided(this.#outcomeFor(waiter, "executed"));
    this.#remove(waiter);
    if (this.#waiters.size > 0 || this.#stage !== "running") return;
    this.#stage = "given up";
    this.#fiber?.interruptUnsafe();
  }

  /** A run ends itself at the last of the deadlines; whoever has an earlier one, or does not wait for a run, ends here. */
  #deadline(waiter: WaitingCall): void {
    if (this.#stage === "running" && waiter.deadlineAt >= this.#deadlineAt) return;
    const executed: Executed = this.#stage === "asking" ? "unknown" : "yes";
    this.#giveUp(waiter);
    waiter.resume({ error: deadlineError(waiter.request.invocation, executed) });
  }
}
