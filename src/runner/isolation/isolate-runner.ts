/**
 * Runs executions in isolates: takes an isolate, sends it the invocation, and returns its result. The runner enforces
 * the deadline, because its event loop is free.
 */
import * as Effect from "effect/Effect";
import { decodeErrorBody, errorFromBody } from "../../contract/wire/error-body.ts";
import { type CallError, FlameError, InvokeError, ConfigError } from "../../contract/errors.ts";
import type { IsolateKind } from "../../contract/config/isolation.ts";
import type { StageSpan, Telemetry } from "../../telemetry/telemetry.ts";
import { atDeadline } from "../handler/deadline.ts";
import { type Execution, withHandlerSpan } from "../handler/execution.ts";
import { isLate, startedTooLate } from "../handler/call-handler.ts";
import { bootError, contextOf, deadlineError, lostError, revive, stoppedError } from "./errors.ts";
import { Isolate } from "./isolate.ts";
import { type IsolateSettings, ownBytes, type RunEnd } from "./messages.ts";
import { IsolatePool } from "./isolate-pool.ts";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** What to do if there is no module for isolates. */
const whatToSet =
  'Set isolation.entry to the module that starts a runner, such as new URL("./runner.ts", import.meta.url): one that imports the definitions and calls flame.createRunnerServer().';

/** Resolves a path as the runtime does. `getBuiltinModule` hides the module from bundlers. */
const requireFrom = (path: string): NodeJS.Require =>
  process.getBuiltinModule("node:module").createRequire(pathToFileURL(path));

/**
 * The path of the module that isolates import: the configured one, or the main module of this process.
 *
 * @throws {ConfigError} if there is none.
 */
export const isolateEntry = (given: string | URL | undefined): string => {
  const entry = given ?? process.argv[1];
  if (entry === undefined) {
    throw new ConfigError(
      `A method has an isolation, but this process has no main module that an isolate could import. ${whatToSet}`,
    );
  }
  try {
    const path = entry instanceof URL || entry.startsWith("file:") ? fileURLToPath(entry) : resolve(entry);
    return requireFrom(path).resolve(path);
  } catch (cause) {
    const what =
      given === undefined
        ? `a method has an isolation, but the main module of this process, ${entry}, is not a module`
        : `isolation.entry is "${String(entry)}", which is not a module`;
    throw new ConfigError(`There is no module for isolates to import: ${what}. ${whatToSet}`, { cause });
  }
};

export interface IsolateRunnerDeps {
  /** The module that isolates import. Default: the main module of this process. */
  readonly entry: string | URL | undefined;
  /** How long a handler may run after its signal was aborted, in milliseconds. */
  readonly graceMs: number;
  /** Maximum time until an isolate is ready, in milliseconds. */
  readonly bootTimeoutMs: number;
  readonly settings: () => Omit<IsolateSettings, "isolation">;
  readonly telemetry: Pick<Telemetry, "emit">;
}

/** Runs executions in isolates. Starts no isolate before the first one. */
export interface IsolateRunner {
  /** Runs an execution, from its encoded arguments to its encoded result. Interrupting the effect stops the handler. */
  invoke(kind: IsolateKind, execution: Execution): Effect.Effect<Uint8Array, CallError>;
  /** @throws {ConfigError} if there is no module for isolates to import. */
  check(): void;
  /**
   * Stops all isolates and waits for their exit. Running executions have `graceMs` milliseconds, and stop hooks
   * `stopMs`.
   */
  close(graceMs: number, stopMs: number): Promise<void>;
}

type Result = Effect.Effect<Uint8Array, CallError>;

/** The result of an execution, as if its handler had run in this process. */
const resultOf = (execution: Execution, end: RunEnd): Result => {
  if (end.outcome === "ok") return Effect.succeed(end.body);
  if (end.thrown !== undefined) execution.thrown = revive(end.thrown);
  const body = decodeErrorBody(end.body);
  if (body === undefined) {
    return Effect.fail(
      new InvokeError("invoke_error", "The message of an isolate cannot be decoded.", contextOf(execution)),
    );
  }
  execution.executed = body.executed;
  return Effect.fail(errorFromBody(body, { ...contextOf(execution), cause: execution.thrown }));
};

export const makeIsolateRunner = (deps: IsolateRunnerDeps): IsolateRunner => {
  const { entry, graceMs, bootTimeoutMs, settings, telemetry } = deps;
  let found: string | undefined;
  const entryPath = (): string => (found ??= isolateEntry(entry));
  const isolates = new IsolatePool(() => ({ entry: entryPath(), graceMs, settings: settings() }), bootTimeoutMs);

  const take = (kind: IsolateKind, execution: Execution): Effect.Effect<Isolate, CallError> =>
    Effect.callback((resume) => {
      let over = false;
      const end = (taken: Effect.Effect<Isolate, CallError>): void => {
        if (over) return;
        over = true;
        stopWaiting();
        resume(taken);
      };
      const stopWaiting = atDeadline(execution.deadlineAt, () => end(Effect.fail(startedTooLate(execution))));
      isolates.take(kind).then(
        (taken) => {
          if (!(taken instanceof Isolate))
            end(Effect.fail(bootError(execution, kind, { entry: entryPath(), bootTimeoutMs }, taken)));
          else if (over) taken.leave();
          else end(Effect.succeed(taken));
        },
        (thrown: unknown) => end(thrown instanceof FlameError ? Effect.fail(thrown as CallError) : Effect.die(thrown)),
      );
      return Effect.sync(() => {
        over = true;
        stopWaiting();
      });
    });

  const runIn = (isolate: Isolate, execution: Execution, span: StageSpan): Result =>
    Effect.callback((resume) => {
      const { method, invocationId, attempt, idempotencyKey, body } = execution.invocation;
      const late = Promise.withResolvers<Uint8Array>();
      late.promise.catch(() => {});
      execution.isolateResult = late.promise;
      let over = false;
      const end = (result: Result): void => {
        if (over) return;
        over = true;
        stopWaiting();
        execution.endedAt = performance.now();
        resume(result);
      };

      let sentDeadlineAt = execution.deadlineAt();
      const deadlineAt = (): number => {
        const at = execution.deadlineAt();
        if (at > sentDeadlineAt) isolate.extend(at - performance.now());
        return (sentDeadlineAt = at);
      };
      const stopWaiting = atDeadline(deadlineAt, () => {
        isolate.abort("Expire");
        end(Effect.fail(deadlineError(execution, isolate.kind, graceMs)));
      });

      execution.executed = "unknown";
      isolate.run(
        {
          _tag: "Run",
          method,
          invocationId,
          attempt,
          timeoutMs: sentDeadlineAt - performance.now(),
          idempotencyKey,
          carrier: span.carrier,
          body: ownBytes(body),
        },
        {
          started: () => {
            execution.startedAt = performance.now();
            execution.executed = "yes";
          },
          ended: (result) => {
            if (result.outcome === "ok") late.resolve(result.body);
            else late.reject(new Error("The handler failed."));
            if (over) return;
            if (result.outcome === "ok") span.setAttributes({ responseBytes: result.body.byteLength });
            end(resultOf(execution, result));
          },
          lost: (exit) => {
            const error = lostError(execution, isolate.kind, exit);
            late.reject(error);
            execution.thrown ??= exit.cause;
            end(Effect.fail(error));
          },
          terminated: (stopped) => {
            const error = stoppedError(execution);
            late.reject(error);
            end(Effect.fail(error));
            const { poolName: pool, runnerId } = settings();
            telemetry.emit({
              _tag: "IsolateTerminated",
              method,
              pool,
              runnerId,
              invocationId,
              attempt,
              isolation: isolate.kind,
              graceMs,
              stopped,
              span: span.ids,
            });
          },
        },
      );
      return Effect.sync(() => {
        over = true;
        stopWaiting();
        execution.endedAt = performance.now();
      });
    });

  return {
    invoke: (kind, execution) => {
      if (isLate(execution)) return Effect.fail(startedTooLate(execution));
      return Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(restore(take(kind, execution)), (isolate) =>
          Effect.ensuring(
            restore(withHandlerSpan(execution, kind, (span) => runIn(isolate, execution, span))),
            Effect.sync(() => isolate.leave()),
          ),
        ),
      );
    },
    check: () => void entryPath(),
    close: (graceMs, stopMs) => isolates.close(graceMs, stopMs),
  };
};
