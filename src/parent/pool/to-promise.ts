/** Runs what a backend gives, in whichever style it is written, and no longer than it should take. */
import * as Effect from "effect/Effect";
import type { EffectOrPromise } from "../../contract/config/backend.ts";
import { maxTimerMs } from "../../contract/validation/check-number.ts";

/** The result as a promise; what the backend throws, rejects or fails with is the rejection. */
export const toPromise = async <A>(run: () => EffectOrPromise<A>): Promise<A> => {
  const given = run();
  return Effect.isEffect(given) ? Effect.runPromise(given) : given;
};

/** What {@link within} gives when the time is over. */
export const late: unique symbol = Symbol("late");

/** The result, or {@link late} after so many milliseconds. */
export const within = <A>(ms: number, work: Promise<A>): Promise<A | typeof late> => {
  const { promise, resolve } = Promise.withResolvers<typeof late>();
  const timer = setTimeout(() => resolve(late), Math.min(ms, maxTimerMs));
  return Promise.race([work, promise]).finally(() => clearTimeout(timer));
};
