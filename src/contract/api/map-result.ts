/** The result of `Method.map`: an array to await, or results to iterate over. */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import { asCallError, asPromise, type RemoteTarget } from "./caller.ts";
import { InvokeError, type CallError } from "../errors.ts";
import { readMap, fanOut, gather, type OnResult, type Items, type MapOptions } from "./fan-out.ts";

/**
 * A map that begins when it is awaited or iterated, and not before. It is good for one of the two, once; awaiting it again
 * gives the same results. Both fail with a CallError.
 *
 * Iterated, it keeps no results: an item is taken when the loop has taken an earlier result. Leaving the loop cancels the
 * calls in progress.
 */
export interface MapRun<Result> extends Promise<ReadonlyArray<Result>>, AsyncIterable<Result> {}

interface PendingResult {
  readonly result: unknown;
  readonly taken: () => void;
}

interface PendingNext {
  readonly resolve: (next: IteratorResult<unknown, undefined>) => void;
  readonly reject: (error: CallError) => void;
}

const nothingMore = { done: true, value: undefined } as const;

/** Hands results over from calls to a loop, each when the loop asks for it. */
class ResultIterator implements AsyncIterator<unknown, undefined> {
  readonly #run: (deliver: OnResult) => Effect.Effect<void, CallError>;
  readonly #ordered: boolean;
  readonly #method: string;
  readonly #offers = new Map<number, PendingResult>();
  readonly #takers: Array<PendingNext> = [];
  #nextIndex = 0;
  #fiber: Fiber.Fiber<void, CallError> | undefined;
  #ended = false;
  #error: CallError | undefined;

  constructor(run: (deliver: OnResult) => Effect.Effect<void, CallError>, ordered: boolean, method: string) {
    this.#run = run;
    this.#ordered = ordered;
    this.#method = method;
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    return new Promise((resolve, reject) => {
      this.#takers.push({ resolve, reject });
      if (this.#fiber === undefined && !this.#ended) this.#start();
      this.#match();
    });
  }

  async return(): Promise<IteratorResult<unknown, undefined>> {
    this.#error = undefined;
    if (this.#fiber === undefined) this.#ended = true;
    else await Effect.runPromise(Fiber.interrupt(this.#fiber));
    this.#match();
    return nothingMore;
  }

  #start(): void {
    this.#fiber = Effect.runFork(this.#run((result, index) => this.#offer(result, index)));
    this.#fiber.addObserver((exit) => {
      this.#ended = true;
      if (Exit.isFailure(exit) && !Exit.hasInterrupts(exit)) this.#error = asCallError(exit.cause, this.#method);
      this.#match();
    });
  }

  #offer(result: unknown, index: number): Effect.Effect<void> {
    return Effect.callback((resume) => {
      this.#offers.set(index, { result, taken: () => resume(Effect.void) });
      this.#match();
      return Effect.sync(() => this.#offers.delete(index));
    });
  }

  /** The result that is to be taken next, if it is there. */
  #upcoming(): [number, PendingResult] | undefined {
    if (!this.#ordered) return this.#offers.entries().next().value;
    const offer = this.#offers.get(this.#nextIndex);
    return offer === undefined ? undefined : [this.#nextIndex, offer];
  }

  #match(): void {
    while (this.#takers.length > 0) {
      const upcoming = this.#upcoming();
      if (upcoming === undefined) {
        if (this.#ended) this.#finish();
        return;
      }
      const [index, { result, taken }] = upcoming;
      this.#offers.delete(index);
      this.#nextIndex++;
      this.#takers.shift()?.resolve({ done: false, value: result });
      taken();
    }
  }

  #finish(): void {
    const error = this.#error;
    this.#error = undefined;
    if (error !== undefined) this.#takers.shift()?.reject(error);
    for (const taker of this.#takers.splice(0)) taker.resolve(nothingMore);
  }
}

class LazyMap implements MapRun<unknown> {
  readonly #run: (deliver: OnResult) => Effect.Effect<void, CallError>;
  readonly #ordered: boolean;
  readonly #method: string;
  #all: Promise<ReadonlyArray<unknown>> | undefined;
  #iterated = false;

  constructor(target: RemoteTarget, items: Items<unknown>, given: MapOptions) {
    const options = readMap(target.method, items, given);
    this.#run = fanOut(target, items, options);
    this.#ordered = options.ordered !== false;
    this.#method = target.method;
  }

  get [Symbol.toStringTag](): string {
    return "MapRun";
  }

  then<A = ReadonlyArray<unknown>, B = never>(
    onResolved?: ((results: ReadonlyArray<unknown>) => A | PromiseLike<A>) | null,
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#await().then(onResolved, onRejected);
  }

  catch<B = never>(onRejected?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<ReadonlyArray<unknown> | B> {
    return this.#await().catch(onRejected);
  }

  finally(onSettled?: (() => void) | null): Promise<ReadonlyArray<unknown>> {
    return this.#await().finally(onSettled);
  }

  [Symbol.asyncIterator](): AsyncIterator<unknown, undefined> {
    if (this.#iterated || this.#all !== undefined) throw this.#usedUp();
    this.#iterated = true;
    return new ResultIterator(this.#run, this.#ordered, this.#method);
  }

  #await(): Promise<ReadonlyArray<unknown>> {
    if (this.#iterated) return Promise.reject(this.#usedUp());
    return (this.#all ??= asPromise(gather(this.#run, this.#ordered), this.#method));
  }

  #usedUp(): InvokeError {
    return new InvokeError(
      "invoke_error",
      `This run of ${this.#method}.map was already awaited or iterated, so its items are consumed. Call map again, or await it once and iterate over the array.`,
      { method: this.#method, executed: "no" },
    );
  }
}

/**
 * Makes a map that has not begun. Must be called in the caller's own stack.
 *
 * @throws {ConfigError} for what cannot be iterated, and for an option that cannot work.
 */
export const mapLater = (target: RemoteTarget, items: Items<unknown>, options: MapOptions = {}): MapRun<unknown> =>
  new LazyMap(target, items, options);
