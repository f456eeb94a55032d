/** Boots one runner: in a trace of its own, with a timeout, and cancelable. */
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import type { Backend, RunnerHandle } from "../../../contract/config/backend.ts";
import { maxTimerMs } from "../../../contract/validation/check-number.ts";
import type { TraceCarrier } from "../../../contract/wire/envelope.ts";
import { InvokeError } from "../../../contract/errors.ts";
import type { ResolvedPool } from "../../../contract/config/resolve-pool.ts";
import type { BootOutcome, SpanIds, Telemetry } from "../../../telemetry/telemetry.ts";
import type { HeartbeatRefusal } from "./heartbeat-answers.ts";
import type { LeasedRunner } from "../lease.ts";
import type { Health } from "./probe.ts";
import { type CheckedHandle, checkHandle } from "./runner-handle.ts";
import { late, toPromise, within } from "../to-promise.ts";

/** What the boots of a client share. */
export interface BootEnvironment {
  /** A new id for a runner of this pool. */
  nameRunner(poolName: string): string;
  /** The environment of a runner. */
  env(pool: ResolvedPool, runnerId: string, carrier: TraceCarrier): Readonly<Record<string, string>>;
  /** Sends a heartbeat to a runner, and reports its answer. */
  heartbeat(
    runner: Pick<LeasedRunner, "id" | "url" | "audience" | "instances">,
    answered: (refusal: HeartbeatRefusal | undefined) => void,
  ): void;
  /** Asks a runner whether it accepts work. Rejects if it does not respond. */
  probe(url: string): Promise<Health>;
  /** Closes connections to a runner that has exited. */
  forget(url: string): void;
}

export type BootResult =
  | {
      readonly _tag: "up";
      readonly handle: CheckedHandle;
      readonly backend: Backend;
      readonly span: SpanIds | undefined;
    }
  | { readonly _tag: "failed"; readonly error: unknown };

/** A boot in progress. */
export interface Boot {
  /** Its span, for links from the calls that wait for it. */
  readonly span: SpanIds | undefined;
  /** `performance.now()` when it began. */
  readonly startedAt: number;
  /** Cancels it, and settles when it is cleaned up. `done` is not called. */
  cancel(why: string): Promise<unknown>;
}

export interface BootOptions {
  readonly pool: ResolvedPool;
  readonly runnerId: string;
  readonly reason: string;
  /** The span of the call that caused it. */
  readonly requestedBy: SpanIds | undefined;
  readonly telemetry: Telemetry;
  readonly environment: BootEnvironment;
  readonly done: (result: BootResult) => void;
}

/** Time that a backend has to report why a boot took too long, in milliseconds. */
const explainMs = 1_000;

/** Starts a boot. `done` is called once, unless the boot is canceled first. */
export const startBoot = ({ pool, runnerId, reason, requestedBy, telemetry, environment, done }: BootOptions): Boot => {
  const backend = pool.backend!;
  const backendName = backend.name ?? "custom";
  const startedAt = performance.now();
  const abort = new AbortController();
  let result: BootOutcome | undefined;
  let ids: SpanIds | undefined;
  let stop: (error: InvokeError) => void = () => {};
  telemetry.emit({ _tag: "RunnerBooting", pool: pool.name, runnerId, backend: backendName, reason });

  const context = () =>
    ({ pool: pool.name, runnerId, phase: "acquire", elapsedMs: performance.now() - startedAt }) as const;

  const timeout = () =>
    new InvokeError(
      "no_runner",
      `Runner ${runnerId} of pool "${pool.name}" was not ready within ${pool.spawnTimeoutMs} ms (spawnTimeoutMs).`,
      context(),
    );

  const spawnEnded = Promise.withResolvers<void>();

  /** Terminates a runner that booted too late, or that cannot be used. */
  const discard = (handle: RunnerHandle): Promise<void> =>
    toPromise(() => backend.terminate(handle)).then(
      () => {},
      () => {},
    );

  const spawn = (carrier: TraceCarrier): Effect.Effect<CheckedHandle, unknown> =>
    Effect.callback((resume) => {
      let spawned: Promise<RunnerHandle>;
      const timer = setTimeout(
        () => {
          result = "timeout";
          const error = timeout();
          abort.abort(error);
          const explained = spawned.then(
            () => error,
            (better: unknown) => better ?? error,
          );
          void within(explainMs, explained).then((reason) => resume(Effect.fail(reason === late ? error : reason)));
        },
        Math.min(pool.spawnTimeoutMs, maxTimerMs),
      );
      stop = (error) => {
        clearTimeout(timer);
        resume(Effect.fail(error));
      };
      spawned = toPromise(() =>
        backend.spawn({
          poolName: pool.name,
          runnerId,
          env: environment.env(pool, runnerId, carrier),
          timeoutMs: pool.spawnTimeoutMs,
          signal: abort.signal,
        }),
      );
      const came = async (handle: RunnerHandle): Promise<void> => {
        if (result !== undefined) return discard(handle);
        try {
          resume(Effect.succeed(checkHandle(handle, pool.name)));
        } catch (error) {
          resume(Effect.fail(error));
          await discard(handle);
        }
      };
      void spawned
        .finally(() => clearTimeout(timer))
        .then(came, (error: unknown) => {
          if (result !== "timeout") resume(Effect.fail(error));
        })
        .then(spawnEnded.resolve);
    });

  const program = telemetry.stage(
    {
      _tag: "boot",
      facts: { pool: pool.name, backend: backendName, runnerId },
      links: requestedBy === undefined ? [] : [requestedBy],
    },
    (span) => {
      ids = span.ids;
      return Effect.map(spawn(span.carrier), (handle) => {
        if (handle.bootPhases !== undefined) span.setBootPhases(handle.bootPhases);
        return handle;
      });
    },
  );

  const end = (how: BootOutcome, id: string, error?: unknown): void => {
    result = how;
    telemetry.emit({
      _tag: "BootEnded",
      pool: pool.name,
      runnerId: id,
      backend: backendName,
      result: how,
      durationMs: performance.now() - startedAt,
      ...(how === "ok" ? {} : { error }),
    });
  };

  const over = Effect.runPromiseExit(program).then(async (exit) => {
    if (result === "canceled") {
      if (Exit.isSuccess(exit)) await discard(exit.value.given);
    } else if (Exit.isSuccess(exit)) {
      end("ok", exit.value.id);
      done({ _tag: "up", handle: exit.value, backend, span: ids });
    } else {
      const error = Cause.squash(exit.cause);
      end(result ?? "error", runnerId, error);
      done({ _tag: "failed", error });
    }
  });

  return {
    startedAt,
    get span() {
      return ids;
    },
    cancel: (why) => {
      const error = new InvokeError(
        "canceled",
        `The boot of runner ${runnerId} of pool "${pool.name}" was canceled: ${why}.`,
        context(),
      );
      end("canceled", runnerId, error);
      abort.abort(error);
      stop(error);
      const leftMs = Math.max(0, startedAt + pool.spawnTimeoutMs - performance.now());
      return within(leftMs, Promise.all([spawnEnded.promise, over]));
    },
  };
};
