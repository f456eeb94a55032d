/** The calls of a fan-out: made from one place, with one span around them. */
import * as Effect from "effect/Effect";
import { type FanOutRequest, type FanOutRun, untilAborted } from "../contract/api/caller.ts";
import { type CallError, InvokeError } from "../contract/errors.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { CallOrigin, CallRequest } from "./run-call.ts";

export interface FanOutDeps {
  readonly telemetry: Telemetry;
  readonly callFrom: (request: CallRequest, origin: CallOrigin) => Effect.Effect<unknown, CallError>;
  /** Most calls that the pool can run at a time, where it is known. */
  readonly slotLimit: () => number | undefined;
}

/** Calls at a time where neither the caller nor a pool tells. */
const defaultConcurrency = 16;

/** Calls that are children of the fan-out's span; a trace with more of them serves nobody. */
const mostChildren = 1_000;

/** Makes the calls of a fan-out from where its caller stood. */
export const makeFanOut =
  (
    deps: FanOutDeps,
    { method, options, concurrency: wanted }: FanOutRequest,
    pool: string,
    origin: CallOrigin,
  ): FanOutRun =>
  (work) =>
    Effect.suspend(() => {
      const concurrency = wanted ?? Math.max(1, deps.slotLimit() ?? defaultConcurrency);
      const facts = { method, pool, mapConcurrency: concurrency };
      const outer = options.detached === true ? undefined : origin.outer?.signal;
      const canceled = (cause: unknown): CallError =>
        new InvokeError("canceled", `${method}.map was canceled with the handler that called it.`, {
          method,
          pool,
          cause,
        });
      let items = 0;
      let failed = 0;
      return deps.telemetry.stage({ _tag: "map", host: origin.host, facts }, (span) => {
        const call = (args: ReadonlyArray<unknown>): Effect.Effect<unknown, CallError> => {
          const linkTo = ++items > mostChildren ? span.ids : undefined;
          return Effect.tapError(deps.callFrom({ method, args, options }, { ...origin, linkTo, covered: true }), () =>
            Effect.sync(() => {
              failed++;
            }),
          );
        };
        const all = work({ concurrency, call });
        return Effect.onExitPrimitive(outer === undefined ? all : untilAborted(all, [outer], canceled), () => {
          span.setAttributes({ mapItems: items, mapFailed: failed });
          return undefined;
        });
      });
    });
