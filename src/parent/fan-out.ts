/** The calls of a fan-out, made from one place and with one span around them. */
import * as Effect from "effect/Effect";
import { type FanOutRequest, type FanOutRun, untilAborted } from "../contract/api/caller.ts";
import { type CallError, InvokeError } from "../contract/errors.ts";
import { type CallOrigin, type ClientContext, poolFor } from "./call.ts";
import { runCall } from "./run-call.ts";

/** Concurrency where neither the caller nor the pool sets one. */
const defaultConcurrency = 16;

/** Maximum number of calls in the trace of a fan-out. Further calls start traces of their own that link to it. */
const maxChildren = 1_000;

/** Makes the calls of a fan-out. */
export const runFanOut =
  (client: ClientContext, request: FanOutRequest, origin: CallOrigin): FanOutRun =>
  (work) =>
    Effect.suspend(() => {
      const { method, options } = request;
      const pool = poolFor(options, client.config);
      const slotLimit = client.pools.get(pool)?.pool.slotLimit ?? defaultConcurrency;
      const concurrency = request.concurrency ?? Math.max(1, slotLimit);
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
      return client.telemetry.stage({ _tag: "map", host: origin.host, facts }, (span) => {
        const call = (args: ReadonlyArray<unknown>): Effect.Effect<unknown, CallError> => {
          const linkTo = ++items > maxChildren ? span.ids : undefined;
          return Effect.tapError(runCall(client, { method, args, options }, { ...origin, linkTo, covered: true }), () =>
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
