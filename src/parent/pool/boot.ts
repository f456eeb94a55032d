/** Boots one runner: in a trace of its own, bounded in time, and cancelable. */
import { Cause, Effect, Exit } from "effect";
import type { Backend, RunnerHandle } from "../../contract/backend.ts";
import { longestTimerMs } from "../../contract/check-number.ts";
import type { TraceCarrier } from "../../contract/envelope.ts";
import { ConfigError, InvokeError } from "../../contract/errors.ts";
import type { Logger } from "../../contract/options.ts";
import type { ResolvedPool } from "../../contract/resolve-pool.ts";
import { addressFault, runnerIdFault } from "../../contract/runner-url.ts";
import type { SpanIds, Telemetry } from "../../telemetry/telemetry.ts";
import type { HeartbeatRefusal } from "./heartbeat-answers.ts";
import type { LeasedRunner } from "./lease.ts";
import type { Health } from "./probe.ts";
import { settle } from "./settle.ts";

/** What all boots of a client share. */
export interface BootEnvironment {
  /** A new id for a runner of this pool. */
  nameRunner(poolName: string): string;
  /** The environment of a runner. */
  env(pool: ResolvedPool, runnerId: string, carrier: TraceCarrier): Readonly<Record<string, string>>;
  /** Tells a runner that this parent lives, and hears what it says to that. */
  heartbeat(
    runner: Pick<LeasedRunner, "id" | "url" | "audience">,
    answered: (refusal: HeartbeatRefusal | undefined) => void,
  ): void;
  /** Asks a runner whether it takes work; rejects when it does not answer. */
  probe(url: string): Promise<Health>;
  /** Frees connections to a runner that is gone. */
  forget(url: string): void;
  readonly logger: Logger | undefined;
}

export type BootResult =
  | {
      readonly _tag: "up";
      readonly handle: RunnerHandle;
      readonly backend: Backend;
      readonly span: SpanIds | undefined;
    }
  | { readonly _tag: "failed"; readonly error: unknown };

/** A boot that is under way. */
export interface Boot {
  /** Its span, for links from the calls that wait for it. */
  readonly span: SpanIds | undefined;
  /** Stops it; settles when nothing of it is left. `done` is not called any more. */
  cancel(): Promise<unknown>;
}

export interface BootOptions {
  readonly pool: ResolvedPool;
  readonly runnerId: string;
  readonly reason: string;
  /** The span of the call that asked for it. */
  readonly asker: SpanIds | undefined;
  readonly telemetry: Telemetry;
  readonly environment: BootEnvironment;
  readonly done: (result: BootResult) => void;
}

/** What is wrong with a handle that a backend gave. The URL and the id are not shown where they may have credentials. */
const handleFault = ({ url, id }: RunnerHandle): string | undefined => {
  const fault = addressFault(url);
  if (fault !== undefined) return `whose url ${fault}`;
  const idFault = runnerIdFault(id, 255);
  return idFault === undefined ? undefined : `whose id ${idFault}`;
};

/** Starts a boot; `done` is called once, unless it is canceled first. */
export const startBoot = ({ pool, runnerId, reason, asker, telemetry, environment, done }: BootOptions): Boot => {
  const backend = pool.backend!;
  const backendName = backend.name ?? "custom";
  const startedAt = performance.now();
  const abort = new AbortController();
  let canceled = false;
  let timedOut = false;
  let ids: SpanIds | undefined;
  telemetry.emit({ _tag: "RunnerBooting", pool: pool.name, runnerId, backend: backendName, reason });

  const timeout = () =>
    new InvokeError(
      "no_runner",
      `The runner ${runnerId} of the pool "${pool.name}" was not ready within ${pool.spawnTimeoutMs} ms (spawnTimeoutMs).`,
      { pool: pool.name, runnerId, phase: "acquire", elapsedMs: performance.now() - startedAt },
    );

  const unusable = (fault: string) =>
    new ConfigError(`The backend of the pool "${pool.name}" gave a runner ${fault}`, { pool: pool.name, runnerId });

  const spawn = (carrier: TraceCarrier): Effect.Effect<RunnerHandle, unknown> =>
    Effect.callback((resume) => {
      const timer = setTimeout(
        () => {
          timedOut = true;
          const error = timeout();
          abort.abort(error);
          resume(Effect.fail(error));
        },
        Math.min(pool.spawnTimeoutMs, longestTimerMs),
      );
      const spawned = settle(() =>
        backend.spawn({
          poolName: pool.name,
          runnerId,
          env: environment.env(pool, runnerId, carrier),
          timeoutMs: pool.spawnTimeoutMs,
          signal: abort.signal,
        }),
      );
      spawned.then(
        (handle) => {
          clearTimeout(timer);
          const fault = handleFault(handle);
          if (timedOut || canceled || fault !== undefined) void settle(() => backend.terminate(handle)).catch(() => {});
          resume(fault === undefined ? Effect.succeed(handle) : Effect.fail(unusable(fault)));
        },
        (error: unknown) => {
          clearTimeout(timer);
          resume(Effect.fail(error));
        },
      );
    });

  const program = telemetry.stage(
    {
      _tag: "boot",
      facts: { pool: pool.name, backend: backendName, runnerId },
      links: asker === undefined ? [] : [asker],
    },
    (span) => {
      ids = span.ids;
      return Effect.map(spawn(span.carrier), (handle) => {
        if (handle.bootPhases !== undefined) span.noteBootPhases(handle.bootPhases);
        return handle;
      });
    },
  );

  const finished = Effect.runPromiseExit(program).then((exit) => {
    if (canceled) return;
    const ok = Exit.isSuccess(exit);
    const error = ok ? undefined : Cause.squash(exit.cause);
    telemetry.emit({
      _tag: "BootEnded",
      pool: pool.name,
      runnerId: ok ? exit.value.id : runnerId,
      backend: backendName,
      result: ok ? "ok" : timedOut ? "timeout" : "error",
      durationMs: performance.now() - startedAt,
      ...(ok ? {} : { error }),
    });
    done(ok ? { _tag: "up", handle: exit.value, backend, span: ids } : { _tag: "failed", error });
  });

  return {
    get span() {
      return ids;
    },
    cancel: () => {
      canceled = true;
      abort.abort(new InvokeError("unavailable", `The pool "${pool.name}" is shut down.`, { pool: pool.name }));
      return finished;
    },
  };
};
