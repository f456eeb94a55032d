/**
 * Attempts at the same time: while one has no answer, another is started on another runner. The first success wins and
 * the others are interrupted. Each attempt has a branch of the call to write to; the call takes over the books of the branch that
 * decided.
 */
import * as Effect from "effect/Effect";
import type * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import { longestTimerMs } from "../contract/validation/check-number.ts";
import type { CallError } from "../contract/errors.ts";
import { executedByEither } from "../contract/errors.ts";
import type { HedgeOptions } from "../contract/config/options.ts";
import { defaults } from "../contract/config/options.ts";
import { acquireElsewhere } from "./acquire.ts";
import type { AttemptCause } from "./attempt-cause.ts";
import type { Call } from "./run-call.ts";
import { errorOf } from "./run-call.ts";
import { budgetText, noteRefusal, noteRetry } from "./retry-events.ts";
import type { AttemptMaker, Lane } from "./pool-context.ts";
import type { Lease } from "./pool/lease.ts";
import { mayPass } from "./retry-policy.ts";

type Branch = Fiber.Fiber<unknown, CallError>;

/** Whether the call's options ask for hedges and declare that they do no harm. */
export const mayHedge = ({ options }: Call): boolean =>
  options.hedge !== undefined &&
  options.hedge !== false &&
  (options.idempotent === true || options.idempotencyKey !== undefined);

const branchOf = (call: Call): Call => ({ ...call, phases: { ...call.phases }, lease: undefined, trunk: call });

class Race {
  readonly #maker: AttemptMaker;
  readonly #lane: Lane;
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
    lane: Lane,
    call: Call,
    body: Uint8Array,
    fork: (effect: Effect.Effect<unknown, CallError>) => Branch,
    resume: (effect: Effect.Effect<unknown, CallError>) => void,
  ) {
    this.#maker = maker;
    this.#lane = lane;
    this.#call = call;
    this.#body = body;
    this.#options = call.options.hedge as HedgeOptions;
    this.#fork = fork;
    this.#resume = resume;
  }

  start(cause: AttemptCause, avoid: string | undefined): void {
    const branch = branchOf(this.#call);
    this.#run(branch, this.#maker.attemptOnce(branch, this.#body, cause, avoid));
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

  #run(branch: Call, effect: Effect.Effect<unknown, CallError>): void {
    const fiber = this.#fork(effect);
    this.#running.set(fiber, branch);
    fiber.addObserver((exit) => this.#ended(fiber, branch, exit));
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => this.#tick(), Math.min(ms, longestTimerMs));
  }

  /** Starts a hedge if the latest attempt has had its time; with no slot elsewhere, it looks again later. */
  #tick(): void {
    const { delayMs, maxAttempts = defaults.hedgeAttempts } = this.#options;
    const leases = [...this.#running.values()].map(({ lease }) => lease);
    const latest = leases.at(-1);
    const dueMs = latest === undefined ? delayMs : latest.grantedAt + delayMs - performance.now();
    if (latest === undefined || dueMs > 1) return this.#wait(dueMs);
    const { budget, pool } = this.#lane;
    if (budget?.spare === false)
      return noteRefusal(this.#maker.telemetry, this.#call, "budget", budgetText(this.#call.pool, budget));
    const branch = branchOf(this.#call);
    branch.phases.backoff += performance.now() - this.#startedAt;
    const busy = new Set(leases.flatMap((lease) => (lease === undefined ? [] : [lease.runner.id])));
    const lease = acquireElsewhere(branch, pool, latest.runner.id, busy, this.#maker.telemetry);
    if (lease !== undefined) {
      budget?.charge();
      this.#hedge(branch, lease);
    }
    if (this.#running.size < maxAttempts) this.#wait(delayMs);
  }

  #hedge(branch: Call, lease: Lease): void {
    const reason = `no answer after ${this.#options.delayMs} ms`;
    this.#call.hedges++;
    noteRetry(this.#maker.telemetry, this.#call, 0, reason);
    this.#run(branch, this.#maker.attemptOn(branch, this.#body, { kind: "hedge", reason }, lease));
  }

  #ended(fiber: Branch, branch: Call, exit: Exit.Exit<unknown, CallError>): void {
    this.#running.delete(fiber);
    branch.lease?.release();
    if (this.#over) return;
    const error = errorOf(exit, branch);
    if (error !== undefined) {
      this.#call.executed = executedByEither(this.#call.executed, error.executed);
      if (this.#running.size > 0 && mayPass(error)) return;
    }
    this.#over = true;
    clearTimeout(this.#timer);
    this.#takeOver(branch);
    if (error !== undefined && this.#running.size > 0)
      this.#call.executed = executedByEither(this.#call.executed, "unknown");
    this.#resume(Effect.andThen(Fiber.interruptAll([...this.#running.keys()]), exit));
  }

  /** Its way is the one that the call's duration is made of. */
  #takeOver(branch: Call): void {
    Object.assign(this.#call.phases, branch.phases);
    this.#call.coldStart = branch.coldStart;
    this.#call.acquired = branch.acquired;
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
  const lane = maker.laneOf(call.pool);
  if (lane === undefined) return maker.attemptOnce(call, body, cause, avoid);
  return Effect.withFiber((fiber) => {
    const fork = Effect.runForkWith(fiber.context);
    return Effect.callback<unknown, CallError>((resume) => {
      const race = new Race(maker, lane, call, body, fork, resume);
      race.start(cause, avoid);
      return Effect.suspend(() => race.stop());
    });
  });
};
