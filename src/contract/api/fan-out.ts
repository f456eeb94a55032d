/** Calls one method for many items: takes items one by one as calls finish, and passes results on as they arrive. */
import { AsyncLocalStorage } from "node:async_hooks";
import * as Effect from "effect/Effect";
import * as FiberSet from "effect/FiberSet";
import * as Semaphore from "effect/Semaphore";
import { untilAborted, type RemoteTarget } from "./caller.ts";
import { integer } from "../validation/check-number.ts";
import { callFields } from "../config/call-options.ts";
import { ConfigError, InvokeError, withContext, type CallError } from "../errors.ts";
import { boolean, oneOf } from "../validation/option-checks.ts";
import { object, readOption } from "../validation/option-schema.ts";
import { printValue } from "../validation/print-value.ts";
import { messageOf, readField } from "../thrown.ts";

/** The items of a map. Read one at a time when a call can start, so an endless source works. */
export type Items<Item> = Iterable<Item> | AsyncIterable<Item>;

/** Options of `Method.map`. */
export interface MapOptions {
  /** Maximum number of calls at a time, from 1. Default: the maximum concurrency of the pool; 16 in local mode. */
  readonly concurrency?: number;
  /** `true` returns results in the order of the items, `false` in the order of completion. Default: `true`. */
  readonly ordered?: boolean;
  /**
   * `stop`: the first failure cancels the running calls, reads no more items and fails the map; its `index` names the
   * item. `collect`: failures are results, see {@link MapOutcome}. Default: `stop`.
   */
  readonly onError?: "stop" | "collect";
}

/** The outcome of one item, with `onError: "collect"`. */
export type MapOutcome<Item, Result> =
  | {
      /** The call succeeded. */
      readonly ok: true;
      /** The result. */
      readonly value: Result;
      /** Index of the item, from 0. */
      readonly index: number;
    }
  | {
      /** The call failed. */
      readonly ok: false;
      /** Why it failed. */
      readonly error: CallError;
      /** The item. */
      readonly item: Item;
      /** Index of the item, from 0. */
      readonly index: number;
    };

/** Takes the result of one item. The item's place among the calls is free when the effect has ended. */
export type OnResult = (result: unknown, index: number) => Effect.Effect<void>;

/** Reads the items one at a time, in the context of the caller, and closes the iterator if the rest is not needed. */
class Source {
  readonly #items: Items<unknown>;
  readonly #method: string;
  readonly #here = AsyncLocalStorage.snapshot();
  #iterator: Iterator<unknown> | AsyncIterator<unknown> | undefined;
  #reading = false;
  #over = false;

  constructor(items: Items<unknown>, method: string) {
    this.#items = items;
    this.#method = method;
  }

  readonly next: Effect.Effect<IteratorResult<unknown>, CallError> = Effect.suspend(() => {
    this.#reading = true;
    try {
      const read = this.#here(() => (this.#iterator ??= this.#open()).next());
      if (typeof readField(read, "then") !== "function")
        return Effect.succeed(this.#took(read as IteratorResult<unknown>));
      return Effect.tryPromise({ try: async () => this.#took(await read), catch: (cause) => this.#failed(cause) });
    } catch (cause) {
      return Effect.fail(this.#failed(cause));
    }
  });

  /** Lets the items go. One that is being read is not waited for: it may never come. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    if (this.#over || typeof readField(this.#iterator, "return") !== "function") return Effect.void;
    this.#over = true;
    const iterator = this.#iterator;
    const closed = Effect.ignore(Effect.tryPromise(async () => this.#here(() => iterator?.return?.())));
    return this.#reading ? Effect.asVoid(Effect.forkDetach(closed, { startImmediately: true })) : closed;
  });

  #open(): Iterator<unknown> | AsyncIterator<unknown> {
    return Symbol.asyncIterator in this.#items ? this.#items[Symbol.asyncIterator]() : this.#items[Symbol.iterator]();
  }

  #took(next: IteratorResult<unknown>): IteratorResult<unknown> {
    const { done, value } = next;
    this.#reading = false;
    this.#over = done === true;
    return { done: this.#over, value };
  }

  #failed(cause: unknown): CallError {
    this.#reading = false;
    this.#over = true;
    return new InvokeError("invoke_error", `${this.#method}.map failed to read its items: ${messageOf(cause)}`, {
      method: this.#method,
      cause,
    });
  }
}

const isIterable = (items: unknown): items is Items<unknown> => {
  if (typeof items !== "object" || items === null) return typeof items === "string";
  try {
    return Symbol.asyncIterator in items || Symbol.iterator in items;
  } catch {
    return false;
  }
};

const ofWith = "is not an option of map. Use .with({ … }).map(items).";

const schema = object<MapOptions>(
  { concurrency: integer("calls", { min: 1 }), ordered: boolean(), onError: oneOf(["stop", "collect"]) },
  { elsewhere: Object.fromEntries([...Object.keys(callFields), "signal"].map((name) => [name, ofWith])) },
);

/**
 * Checks what `map` is given; a checked copy of its options.
 *
 * @throws {ConfigError} for what cannot be iterated, and for an option that cannot work.
 */
export const readMap = (method: string, items: unknown, options: MapOptions): MapOptions => {
  if (!isIterable(items)) {
    throw new ConfigError(`${method}.map: items is ${printValue(items)}. Use an array or another iterable.`);
  }
  return readOption(schema, options, `${method}.map`);
};

/** Calls `call` for each item, at most `concurrency` at a time. */
const feed = (
  source: Source,
  concurrency: number,
  call: (item: unknown, index: number) => Effect.Effect<void, CallError>,
): Effect.Effect<void, CallError> =>
  Effect.scoped(
    Effect.gen(function* () {
      yield* Effect.addFinalizer(() => source.close);
      const running = yield* FiberSet.make<unknown, CallError>();
      const places = yield* Semaphore.make(concurrency);
      const all = Effect.gen(function* () {
        for (let index = 0; ; index++) {
          yield* places.take(1);
          const next = yield* source.next;
          if (next.done === true) break;
          yield* FiberSet.run(running, Effect.andThen(call(next.value, index), places.release(1)));
        }
        yield* places.take(concurrency - 1);
      });
      yield* Effect.raceFirst(FiberSet.join(running), all);
    }),
  );

/** Calls a method for each item. Must be called in the caller's own stack; the effect that it gives is run once. */
export const fanOut = (
  target: RemoteTarget,
  items: Items<unknown>,
  options: MapOptions,
): ((deliver: OnResult) => Effect.Effect<void, CallError>) => {
  const { method } = target;
  const { signal, ...each } = target.options;
  const source = new Source(items, method);
  const run = target.caller.fanOut({ method, options: each, concurrency: options.concurrency });

  return (deliver) => {
    const work = run((calls) =>
      feed(source, calls.concurrency, (item, index) => {
        const called = Effect.mapError(calls.call([item]), (error) => withContext(error, { index }));
        return options.onError === "collect"
          ? Effect.matchEffect(called, {
              onSuccess: (value) => deliver({ ok: true, value, index }, index),
              onFailure: (error) => deliver({ ok: false, error, item, index }, index),
            })
          : Effect.flatMap(called, (value) => deliver(value, index));
      }),
    );
    if (signal === undefined) return work;
    return untilAborted(
      work,
      [signal],
      (cause) => new InvokeError("canceled", `${method}.map was canceled by its caller.`, { method, cause }),
    );
  };
};

/** Calls a method for each item and gives all results. */
export const mapToArray = (
  target: RemoteTarget,
  items: Items<unknown>,
  options: MapOptions,
): Effect.Effect<ReadonlyArray<unknown>, CallError> =>
  gather(fanOut(target, items, options), options.ordered !== false);

/** Keeps all results of a fan-out. */
export const gather = (
  run: (deliver: OnResult) => Effect.Effect<void, CallError>,
  ordered: boolean,
): Effect.Effect<ReadonlyArray<unknown>, CallError> =>
  Effect.suspend(() => {
    const results: Array<unknown> = [];
    const keep: OnResult = (result, index) =>
      Effect.sync(() => {
        results[ordered ? index : results.length] = result;
      });
    return Effect.as(run(keep), results);
  });
