/**
 * Runs methods in isolates: takes one, sends it the invocation as it came, and
 * answers with what it says. The deadline is kept here, where the event loop is free.
 */
import * as Effect from "effect/Effect";
import { decodeErrorBody, errorFromBody } from "../../contract/wire/error-body.ts";
import { type CallError, FlameError, InvokeError, ConfigError } from "../../contract/errors.ts";
import type { IsolateKind } from "../../contract/config/isolation.ts";
import type { StageSpan, Telemetry } from "../../telemetry/telemetry.ts";
import { atDeadline } from "../handler/deadline.ts";
import { type WithHandlerSpan, isLate, tooLate } from "../handler/invoke.ts";
import type { Run } from "../handler/execution.ts";
import { bootError, contextOf, deadlineError, lostError, revive, stoppedError } from "./errors.ts";
import { Isolate } from "./isolate.ts";
import { type IsolateSettings, ownBytes, type RunEnd } from "./messages.ts";
import { IsolatePool } from "./isolate-pool.ts";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** Which module an isolate imports to have the same methods as its runner. */
const whatToSet =
  'Set isolation.entry to the module that starts a runner, such as new URL("./runner.ts", import.meta.url): one that imports the definitions and calls flame.createRunnerServer().';

/** Resolves from a module as the runtime would. Not imported by its name, which bundlers would take for a module of theirs. */
const requireFrom = (path: string): NodeJS.Require =>
  process.getBuiltinModule("node:module").createRequire(pathToFileURL(path));

/**
 * The path of the module: the one given, or the one that this process was started with.
 *
 * @throws {ConfigError} when there is none.
 */
export const isolateEntry = (given: string | URL | undefined): string => {
  const entry = given ?? process.argv[1];
  if (entry === undefined) {
    throw new ConfigError(
      `A method has an isolation, and this process was not started with a module that an isolate could import. ${whatToSet}`,
    );
  }
  try {
    const path = entry instanceof URL || entry.startsWith("file:") ? fileURLToPath(entry) : resolve(entry);
    return requireFrom(path).resolve(path);
  } catch (cause) {
    const what =
      given === undefined
        ? `a method has an isolation, and ${entry}, which this process was started with, is not a module`
        : `isolation.entry is "${String(entry)}", which is not a module`;
    throw new ConfigError(`An isolate has nothing to import: ${what}. ${whatToSet}`, { cause });
  }
};

export interface IsolatedRunsDeps {
  /** The module that isolates import. Default: the one that this process was started with. */
  readonly entry: string | URL | undefined;
  /** Milliseconds that a handler has to end after its signal was aborted. */
  readonly graceMs: number;
  /** Milliseconds that an isolate may take until it takes runs. */
  readonly bootTimeoutMs: number;
  readonly settings: () => Omit<IsolateSettings, "isolation">;
  readonly telemetry: Pick<Telemetry, "emit">;
}

/** Runs methods apart from this event loop. Nothing is started before the first run. */
export interface IsolateRunner {
  /** A run from its encoded arguments to its encoded result. Interrupting it stops the handler. */
  perform(kind: IsolateKind, run: Run, inSpan: WithHandlerSpan): Effect.Effect<Uint8Array, CallError>;
  /** @throws {ConfigError} when isolates would have no module to import. */
  check(): void;
  /** Ends all isolates, and waits for it. What they still run has `graceMs` milliseconds, their stop hooks `stopMs`. */
  close(graceMs: number, stopMs: number): Promise<void>;
}

type Outcome = Effect.Effect<Uint8Array, CallError>;

/** What a run came to, as if it had ended here. */
const outcomeOf = (run: Run, end: RunEnd): Outcome => {
  if (end.outcome === "ok") return Effect.succeed(end.body);
  if (end.thrown !== undefined) run.thrown = revive(end.thrown);
  const body = decodeErrorBody(end.body);
  if (body === undefined) {
    return Effect.fail(new InvokeError("invoke_error", "An isolate's answer cannot be read.", contextOf(run)));
  }
  run.executed = body.executed;
  return Effect.fail(errorFromBody(body, { ...contextOf(run), cause: run.thrown }));
};

export const makeIsolatedRuns = (deps: IsolatedRunsDeps): IsolateRunner => {
  const { entry, graceMs, bootTimeoutMs, settings, telemetry } = deps;
  let found: string | undefined;
  const entryPath = (): string => (found ??= isolateEntry(entry));
  const isolates = new IsolatePool(() => ({ entry: entryPath(), graceMs, settings: settings() }), bootTimeoutMs);

  const take = (kind: IsolateKind, run: Run): Effect.Effect<Isolate, CallError> =>
    Effect.callback((resume) => {
      let over = false;
      const end = (outcome: Effect.Effect<Isolate, CallError>): void => {
        if (over) return;
        over = true;
        stopWaiting();
        resume(outcome);
      };
      const stopWaiting = run.onDeadline(() => end(Effect.fail(tooLate(run))));
      isolates.take(kind).then(
        (taken) => {
          if (!(taken instanceof Isolate))
            end(Effect.fail(bootError(run, kind, { entry: entryPath(), bootTimeoutMs }, taken)));
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

  const runIn = (isolate: Isolate, run: Run, span: StageSpan): Outcome =>
    Effect.callback((resume) => {
      const { invocation, method, runnerId } = run;
      const late = Promise.withResolvers<Uint8Array>();
      late.promise.catch(() => {});
      run.late = () => late.promise;
      let over = false;
      const end = (outcome: Outcome): void => {
        if (over) return;
        over = true;
        stopWaiting();
        run.endedAt = performance.now();
        resume(outcome);
      };

      let toldAt = run.deadlineAt();
      const deadlineAt = (): number => {
        const at = run.deadlineAt();
        if (at > toldAt) isolate.extend(at - performance.now());
        return (toldAt = at);
      };
      const stopWaiting = atDeadline(deadlineAt, () => {
        isolate.abort("Expire");
        end(Effect.fail(deadlineError(run, isolate.kind, graceMs)));
      });

      run.executed = "unknown";
      const { invocationId, attempt, idempotencyKey } = invocation;
      isolate.run(
        {
          _tag: "Run",
          method: method.name,
          invocationId,
          attempt,
          timeoutMs: toldAt - performance.now(),
          idempotencyKey,
          carrier: span.carrier,
          body: ownBytes(invocation.body),
        },
        {
          started: () => {
            run.startedAt = performance.now();
            run.executed = "yes";
          },
          ended: (result) => {
            if (result.outcome === "ok") late.resolve(result.body);
            else late.reject(new Error("The handler failed."));
            if (over) return;
            if (result.outcome === "ok") span.setAttributes({ responseBytes: result.body.byteLength });
            end(outcomeOf(run, result));
          },
          lost: (exit) => {
            const error = lostError(run, isolate.kind, exit);
            late.reject(error);
            run.thrown ??= exit.cause;
            end(Effect.fail(error));
          },
          terminated: (stopped) => {
            const error = stoppedError(run);
            late.reject(error);
            end(Effect.fail(error));
            telemetry.emit({
              _tag: "IsolateTerminated",
              method: method.name,
              pool: settings().poolName,
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
        run.endedAt = performance.now();
      });
    });

  return {
    perform: (kind, run, inSpan) => {
      if (isLate(run)) return Effect.fail(tooLate(run));
      return Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(restore(take(kind, run)), (isolate) =>
          Effect.ensuring(
            restore(inSpan((span) => runIn(isolate, run, span))),
            Effect.sync(() => isolate.leave()),
          ),
        ),
      );
    },
    check: () => void entryPath(),
    close: (graceMs, stopMs) => isolates.close(graceMs, stopMs),
  };
};
