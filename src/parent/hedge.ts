/**
 * Attempts at the same time: while one has no answer, another one is started on another runner. The first success wins
 * and the others are interrupted. Each attempt records in a copy of the call; the call takes over the copy that
 * decided.
 */
import * as Effect from "effect/Effect";
import type * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import { maxTimerMs } from "../contract/validation/check-number.ts";
import { type CallError, executedByEither } from "../contract/errors.ts";
import { defaults, type HedgeOptions } from "../contract/config/options.ts";
import { acquireElsewhere } from "./acquire.ts";
import { attempt, attemptOn } from "./attempt.ts";
import type { AttemptCause } from "./attempt-cause.ts";
import { type Call, errorOf, type PoolContext } from "./call.ts";
import { budgetText, onRetryDenied, onRetryScheduled } from "./retry-events.ts";
import type { Lease } from "./pool/lease.ts";
import { mayPass } from "./retry-policy.ts";

type AttemptFiber = Fiber.Fiber<unknown, CallError>;

/** Whether the options of a call request hedges and declare that running the method twice is safe. */
export const mayHedge = ({ options }: Call): boolean =>
  options.hedge !== undefined &&
  options.hedge !== false &&
  (options.idempotent === true || options.idempotencyKey !== undefined);

const copyOf = (call: Call): Call => ({ ...call, phases: { ...call.phases }, lease: undefined, parentCall: call });

class Race {
  readonly #context: PoolContext;
  readonly #call: Call;
  readonly #options: HedgeOptions;
  readonly #fork: (effect: Effect.Effect<unknown, CallError>) => AttemptFiber;
  readonly #resume: (effect: Effect.Effect<unknown, CallError>) => void;
  readonly #startedAt = performance.now();
  /** In the order in which they started. */
  readonly #running = new Map<AttemptFiber, Call>();
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(
    context: PoolContext,
    call: Call,
    fork: (effect: Effect.Effect<unknown, CallError>) => AttemptFiber,
    resume: (effect: Effect.Effect<unknown, CallError>) => void,
  ) {
    this.#context = context;
    this.#call = call;
    this.#options = call.options.hedge as HedgeOptions;
    this.#fork = fork;
    this.#resume = resume;
  }

  start(cause: AttemptCause, avoid: string | undefined): void {
    const hedgedCall = copyOf(this.#call);
    this.#run(hedgedCall, attempt(hedgedCall, cause, avoid));
    if (!this.#over) this.#wait(this.#options.delayMs);
  }

  /** The caller has canceled the call. */
  stop(): Effect.Effect<void> {
    this.#over = true;
    clearTimeout(this.#timer);
    const copies = [...this.#running.values()];
    const [oldest] = copies;
    return Effect.andThen(
      Fiber.interruptAll([...this.#running.keys()]),
      Effect.sync(() => {
        for (const { executed } of copies) this.#call.executed = executedByEither(this.#call.executed, executed);
        if (oldest !== undefined) this.#takeOver(oldest);
      }),
    );
  }

  #run(hedgedCall: Call, effect: Effect.Effect<unknown, CallError>): void {
    const fiber = this.#fork(effect);
    this.#running.set(fiber, hedgedCall);
    fiber.addObserver((exit) => this.#ended(fiber, hedgedCall, exit));
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => this.#tick(), Math.min(ms, maxTimerMs));
  }

  /**
   * Starts a hedge if the latest attempt has run for `delayMs`. Without a free slot elsewhere, it checks again later.
   */
  #tick(): void {
    const { delayMs, maxAttempts = defaults.hedgeAttempts } = this.#options;
    const leases = [...this.#running.values()].map(({ lease }) => lease);
    const latest = leases.at(-1);
    const dueMs = latest === undefined ? delayMs : latest.grantedAt + delayMs - performance.now();
    if (latest === undefined || dueMs > 1) return this.#wait(dueMs);
    const { retryBudget, pool } = this.#context;
    if (retryBudget?.spare === false)
      return onRetryDenied(this.#call, { reason: "budget", text: budgetText(this.#call.pool, retryBudget) });
    const hedgedCall = copyOf(this.#call);
    hedgedCall.phases.backoff += performance.now() - this.#startedAt;
    const busy = new Set(leases.flatMap((lease) => (lease === undefined ? [] : [lease.runner.id])));
    const lease = acquireElsewhere(hedgedCall, pool, latest.runner.id, busy);
    if (lease !== undefined) {
      retryBudget?.take();
      this.#hedge(hedgedCall, lease);
    }
    if (this.#running.size < maxAttempts) this.#wait(delayMs);
  }

  #hedge(hedgedCall: Call, lease: Lease): void {
    const reason = `no answer after ${this.#options.delayMs} ms`;
    this.#call.hedges++;
    onRetryScheduled(this.#call, 0, reason);
    this.#run(hedgedCall, attemptOn(hedgedCall, this.#context, lease, { kind: "hedge", reason }));
  }

  #ended(fiber: AttemptFiber, hedgedCall: Call, exit: Exit.Exit<unknown, CallError>): void {
    this.#running.delete(fiber);
    hedgedCall.lease?.release();
    if (this.#over) return;
    const error = errorOf(exit, hedgedCall);
    if (error !== undefined) {
      this.#call.executed = executedByEither(this.#call.executed, error.executed);
      if (this.#running.size > 0 && mayPass(error)) return;
    }
    this.#over = true;
    clearTimeout(this.#timer);
    this.#takeOver(hedgedCall);
    if (error !== undefined && this.#running.size > 0)
      this.#call.executed = executedByEither(this.#call.executed, "unknown");
    this.#resume(Effect.andThen(Fiber.interruptAll([...this.#running.keys()]), exit));
  }

  /** The phases of the attempt that decided are those of the call. */
  #takeOver(hedgedCall: Call): void {
    Object.assign(this.#call.phases, hedgedCall.phases);
    this.#call.coldStart = hedgedCall.coldStart;
    this.#call.acquired = hedgedCall.acquired;
  }
}

/**
 * One round of attempts. Fails when all of them have failed, or when one fails with an error that no other attempt can
 * avoid.
 */
export const hedged = (
  call: Call,
  cause: AttemptCause,
  avoid: string | undefined,
): Effect.Effect<unknown, CallError> => {
  const { poolContext } = call;
  if (poolContext === undefined) return attempt(call, cause, avoid);
  return Effect.withFiber((fiber) => {
    const fork = Effect.runForkWith(fiber.context);
    return Effect.callback<unknown, CallError>((resume) => {
      const race = new Race(poolContext, call, fork, resume);
      race.start(cause, avoid);
      return Effect.suspend(() => race.stop());
    });
  });
};
