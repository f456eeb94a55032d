/** Runs what a backend gives, in whichever style it is written. */
import { Effect } from "effect";
import type { EffectOrPromise } from "../../contract/backend.ts";

/** The result as a promise; what the backend throws, rejects or fails with is the rejection. */
export const settle = async <A>(run: () => EffectOrPromise<A>): Promise<A> => {
  const given = run();
  return Effect.isEffect(given) ? Effect.runPromise(given) : given;
};
