/** Runs a function of a backend, which returns a promise or an Effect, with a timeout. */
import * as Effect from "effect/Effect";
import type { EffectOrPromise } from "../../contract/config/backend.ts";
import { maxTimerMs } from "../../contract/validation/check-number.ts";

/** The result as a promise. It rejects with what the backend throws, rejects with or fails with. */
export const toPromise = async <A>(run: () => EffectOrPromise<A>): Promise<A> => {
  const given = run();
  return Effect.isEffect(given) ? Effect.runPromise(given) : given;
};

/** The result of {@link within} after the timeout. */
export const late: unique symbol = Symbol("late");

/** The result, or {@link late} after `ms` milliseconds. */
export const within = <A>(ms: number, work: Promise<A>): Promise<A | typeof late> => {
  const { promise, resolve } = Promise.withResolvers<typeof late>();
  const timer = setTimeout(() => resolve(late), Math.min(ms, maxTimerMs));
  return Promise.race([work, promise]).finally(() => clearTimeout(timer));
};
