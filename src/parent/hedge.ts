/**
 * Attempts at the same time: while one has no answer, another is started on another runner. The first success wins and
 * the others are interrupted. Each attempt writes to a copy of the call; the call takes over the state of the copy that
 * decided.
 */
import * as Effect from "effect/Effect";
import type * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import { maxTimerMs } from "../contract/validation/check-number.ts";
import type { CallError } from "../contract/errors.ts";
import { executedByEither } from "../contract/errors.ts";
import type { HedgeOptions } from "../contract/config/options.ts";
import { defaults } from "../contract/config/options.ts";
import { acquireElsewhere } from "./acquire.ts";
import type { AttemptCause } from "./attempt-cause.ts";
import type { Call } from "./run-call.ts";
import { errorOf } from "./run-call.ts";
import { budgetText, noteRefusal, noteRetry } from "./retry-events.ts";
import type { AttemptMaker, PoolContext } from "./pool-context.ts";
import type { Lease } from "./pool/lease.ts";
import { mayPass } from "./retry-policy.ts";

type Branch = Fiber.Fiber<unknown, CallError>;

/** Whether the call's options ask for hedges and declare that they do no harm. */
export const mayHedge = ({ options }: Call): boolean =>
  options.hedge !== undefined &&
  options.hedge !== false &&
  (options.idempotent === true || options.idempotencyKey !== undefined);

const branchOf = (call: Call): Call => ({ ...call, phases: { ...call.phases }, lease: undefined, parentCall: call });

class Race {
  readonly #maker: AttemptMaker;
  readonly #context: PoolContext;
  readonly #call: Call;
  readonly #body: Uint8Array;
  readonly #options: HedgeOptions;
  readonly #fork: (effect: Effect.Effect<unknown, CallError>) => Branch;
  readonly #resume: (effect: Effect.Effect<unknown, CallError>) => void;
  readonly #startedAt = performance.now();
  /** In the order in which they started. */
  readonly #running = new Map<Branch, Call>();
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(
    maker: AttemptMaker,
    context: PoolContext,
    call: Call,
    body: Uint8Array,
    fork: (effect: Effect.Effect<unknown, CallError>) => Branch,
    resume: (effect: Effect.Effect<unknown, CallError>) => void,
  ) {
    this.#maker = maker;
    this.#context = context;
    this.#call = call;
    this.#body = body;
    this.#options = call.options.hedge as HedgeOptions;
    this.#fork = fork;
    this.#resume = resume;
  }

  start(cause: AttemptCause, avoid: string | undefined): void {
    const hedgedCall = branchOf(this.#call);
    this.#run(hedgedCall, this.#maker.attemptOnce(hedgedCall, this.#body, cause, avoid));
    if (!this.#over) this.#wait(this.#options.delayMs);
  }

  /** The caller wants no answer any more. */
  stop(): Effect.Effect<void> {
    this.#over = true;
    clearTimeout(this.#timer);
    const branches = [...this.#running.values()];
    const [oldest] = branches;
    return Effect.andThen(
      Fiber.interruptAll([...this.#running.keys()]),
      Effect.sync(() => {
        for (const { executed } of branches) this.#call.executed = executedByEither(this.#call.executed, executed);
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

  /** Starts a hedge if the latest attempt has had its time; with no slot elsewhere, it looks again later. */
  #tick(): void {
    const { delayMs, maxAttempts = defaults.hedgeAttempts } = this.#options;
    const leases = [...this.#running.values()].map(({ lease }) => lease);
    const latest = leases.at(-1);
    const dueMs = latest === undefined ? delayMs : latest.grantedAt + delayMs - performance.now();
    if (latest === undefined || dueMs > 1) return this.#wait(dueMs);
    const { budget, pool } = this.#context;
    if (budget?.spare === false)
      return noteRefusal(this.#maker.telemetry, this.#call, "budget", budgetText(this.#call.pool, budget));
    const hedgedCall = branchOf(this.#call);
    hedgedCall.phases.backoff += performance.now() - this.#startedAt;
    const busy = new Set(leases.flatMap((lease) => (lease === undefined ? [] : [lease.runner.id])));
    const lease = acquireElsewhere(hedgedCall, pool, latest.runner.id, busy, this.#maker.telemetry);
    if (lease !== undefined) {
      budget?.charge();
      this.#hedge(hedgedCall, lease);
    }
    if (this.#running.size < maxAttempts) this.#wait(delayMs);
  }

  #hedge(hedgedCall: Call, lease: Lease): void {
    const reason = `no answer after ${this.#options.delayMs} ms`;
    this.#call.hedges++;
    noteRetry(this.#maker.telemetry, this.#call, 0, reason);
    this.#run(hedgedCall, this.#maker.attemptOn(hedgedCall, this.#body, { kind: "hedge", reason }, lease));
  }

  #ended(fiber: Branch, hedgedCall: Call, exit: Exit.Exit<unknown, CallError>): void {
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

  /** Its way is the one that the call's duration is made of. */
  #takeOver(hedgedCall: Call): void {
    Object.assign(this.#call.phases, hedgedCall.phases);
    this.#call.coldStart = hedgedCall.coldStart;
    this.#call.acquired = hedgedCall.acquired;
  }
}

/** One round of attempts at a time; fails when all of them have failed, or one with what no other can mend. */
export const hedged = (
  maker: AttemptMaker,
  call: Call,
  body: Uint8Array,
  cause: AttemptCause,
  avoid: string | undefined,
): Effect.Effect<unknown, CallError> => {
  const context = maker.poolContextOf(call.pool);
  if (context === undefined) return maker.attemptOnce(call, body, cause, avoid);
  return Effect.withFiber((fiber) => {
    const fork = Effect.runForkWith(fiber.context);
    return Effect.callback<unknown, CallError>((resume) => {
      const race = new Race(maker, context, call, body, fork, resume);
      race.start(cause, avoid);
      return Effect.suspend(() => race.stop());
    });
  });
};
