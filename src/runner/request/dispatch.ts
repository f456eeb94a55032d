/**
 * Runs a verified invocation and makes the reply: find the method, perform it
 * (decode, execute, encode) here or in an isolate, answer. Local mode dispatches through the same code, so a call there
 * and a call over the wire end alike.
 */
import type * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import type { Codec } from "../../contract/codec/codec.ts";
import type { Dispatcher, Invocation, InvocationReply } from "../../contract/wire/dispatcher.ts";
import { httpStatus, type RunnerTimings } from "../../contract/wire/envelope.ts";
import { encodeErrorBody } from "../../contract/wire/error-body.ts";
import { type CallError, InvokeError, RegistryError, withContext } from "../../contract/errors.ts";
import type { Logger } from "../../contract/config/options.ts";
import type { RegisteredMethod, Registry } from "../../contract/api/registry.ts";
import { whyUnregistered } from "../../contract/process/copies.ts";
import { spanExport } from "../../contract/wire/span-export.ts";
import { OTHER_METHOD, RPC_SYSTEM } from "../../telemetry/catalog.ts";
import { makeRedactor, type Redactor } from "../../telemetry/redaction.ts";
import type { SpanIds, StageSpan, Telemetry } from "../../telemetry/telemetry.ts";
import { wallClockMs } from "../../contract/wire/clock.ts";
import { atDeadline, isDue } from "../handler/deadline.ts";
import { failureOf } from "../handler/failure.ts";
import { type IdempotencyGuard } from "../idempotency/idempotency.ts";
import type { KeyedRequest } from "../idempotency/in-flight.ts";
import type { IsolateRunner } from "../isolation/isolate-runner.ts";
import { type WithHandlerSpan, perform } from "../handler/invoke.ts";
import { newRun, type Run } from "../handler/execution.ts";

export interface DispatcherDeps {
  readonly registry: Pick<Registry, "find" | "services">;
  readonly telemetry: Telemetry;
  readonly codec: Codec;
  readonly logger: Logger;
  /** Makes what handlers threw safe to log. Default: strikes out what looks like a secret. */
  readonly redact?: Redactor;
  /** The pool that this process serves, for telemetry. */
  readonly poolName: string;
  readonly runnerId: string;
  /** Lets messages and stacks of handlers, and names of registered methods, reach the caller. */
  readonly exposeErrors: boolean;
  /** Most bytes of an encoded result. */
  readonly maxBodyBytes: number;
  /** Makes a request with a key run once. Without it, keys only reach the handlers. */
  readonly idempotency?: IdempotencyGuard;
  /** Runs the methods that ask for it apart. Without it, all run here. */
  readonly isolated?: Pick<IsolateRunner, "perform">;
}

const defaultRedactor = makeRedactor([]);

/** What is known of an invocation while it is on its way through. */
interface RequestState {
  readonly invocation: Invocation;
  /** `undefined` as long as no handler could be found for it. */
  run: Run | undefined;
  span: SpanIds | undefined;
}

const unregistered = (deps: DispatcherDeps, name: string): RegistryError => {
  const message = `Runner ${deps.runnerId} has no method ${name}. Import the module that defines it in the runner's entrypoint, and deploy parent and runner from the same build.${whyUnregistered(name)}`;
  if (!deps.exposeErrors) return new RegistryError(message);
  const [serviceId = "", methodId = ""] = name.split("/");
  const registered = deps.registry
    .services()
    .flatMap((service) => [...service.methods.values()].map((method) => method.name));
  const near = registered
    .filter((other) => other.startsWith(`${serviceId}/`) || other.endsWith(`/${methodId}`))
    .slice(0, 5);
  if (near.length > 0) return new RegistryError(`${message} Registered: ${near.join(", ")}.`);
  return new RegistryError(
    `${message} ${registered.length === 0 ? "Nothing is registered here." : `${registered.length} other methods are registered.`}`,
  );
};

const deadlineOf = ({ arrivedAt, timeoutMs }: Invocation): number => arrivedAt + timeoutMs;

const noteAborted = (deadlineAt: () => number, span: StageSpan): Effect.Effect<void> =>
  Effect.sync(() => span.setAttributes({ status: isDue(deadlineAt()) ? "DEADLINE_EXCEEDED" : "CANCELLED" }));

/** Runs the found method: here, or in an isolate if it asks for one. */
const serve = (
  deps: DispatcherDeps,
  passage: RequestState,
  method: RegisteredMethod,
  deadlineAt: () => number,
): Effect.Effect<Uint8Array, CallError> => {
  const { invocation } = passage;
  const run = newRun({
    method,
    invocation,
    runnerId: deps.runnerId,
    logger: deps.logger,
    redact: deps.redact ?? defaultRedactor,
    deadlineAt,
    onDeadline: (over) => atDeadline(deadlineAt, over),
  });
  const { isolation = "none" } = method.options;
  const apart =
    isolation === "none" || deps.isolated === undefined ? undefined : { kind: isolation, in: deps.isolated };
  const stage = {
    _tag: "handler",
    facts: { method: method.name, isolation: apart?.kind, requestBytes: invocation.body.byteLength },
    carrier: invocation.carrier,
  } as const;
  const inSpan: WithHandlerSpan = (inside) => {
    passage.run = run;
    return deps.telemetry.stage(stage, (span) => Effect.onInterrupt(inside(span), () => noteAborted(deadlineAt, span)));
  };
  return apart === undefined ? perform(deps, run, inSpan) : apart.in.perform(apart.kind, run, inSpan);
};

/** An invocation with a key, for whoever sees to it that it runs once. */
const keyedRequest = (
  deps: DispatcherDeps,
  passage: RequestState,
  method: RegisteredMethod,
  span: StageSpan,
): KeyedRequest => ({
  invocation: passage.invocation,
  run: (deadlineAt) => serve(deps, passage, method, deadlineAt),
  late: () => passage.run?.late(),
  decided: (outcome) => {
    span.setAttributes({ idempotencyOutcome: outcome });
    deps.telemetry.emit({ _tag: "IdempotencyDecided", pool: deps.poolName, outcome });
  },
});

/** Spans that were recorded here; those of a trace that only passes through are somebody else's. */
const recordedSpans = ({ span, run }: RequestState): number => {
  if (span?.sampled !== true || span.relayed === true) return 0;
  return run === undefined ? 1 : 2;
};

const timings = (passage: RequestState): RunnerTimings => {
  const { arrivedAt } = passage.invocation;
  const now = performance.now();
  const sentMs = wallClockMs();
  const startedAt = passage.run?.startedAt;
  return {
    receivedMs: sentMs - (now - arrivedAt),
    sentMs,
    queueMs: (startedAt ?? now) - arrivedAt,
    handlerMs: startedAt === undefined ? 0 : (passage.run?.endedAt ?? now) - startedAt,
    spans: recordedSpans(passage),
    exported: spanExport(),
  };
};

export const makeDispatcher = (deps: DispatcherDeps): Dispatcher => {
  let served = false;

  const ended = (passage: RequestState, error: CallError | undefined): void => {
    const { invocation, run } = passage;
    deps.telemetry.emit({
      _tag: "ServerEnded",
      method: deps.registry.find(invocation.method)?.name ?? OTHER_METHOD,
      pool: deps.poolName,
      durationMs: performance.now() - invocation.arrivedAt,
      error,
      thrown: run?.thrown,
      invocationId: invocation.invocationId,
      attempt: invocation.attempt,
      span: passage.span,
    });
  };

  const succeed = (passage: RequestState, body: Uint8Array): InvocationReply => {
    ended(passage, undefined);
    return { outcome: "ok", status: 200, body, timings: timings(passage) };
  };

  const fail = (passage: RequestState, cause: Cause.Cause<CallError>): InvocationReply => {
    const { invocation, run } = passage;
    const error = withContext(failureOf(cause), {
      method: invocation.method,
      invocationId: invocation.invocationId,
      attempt: invocation.attempt,
      pool: deps.poolName,
      runnerId: deps.runnerId,
    });
    ended(passage, error);
    return {
      outcome: "error",
      status: httpStatus[error.code],
      body: encodeErrorBody(error, deps.exposeErrors),
      timings: timings(passage),
      thrown: run?.thrown,
    };
  };

  /** Whoever asked is gone. */
  const abandoned = (passage: RequestState): InvokeError => {
    const { method, invocationId, attempt } = passage.invocation;
    const elsewhere = passage.invocation.idempotencyKey === undefined ? "no" : "unknown";
    const executed = passage.run === undefined || passage.run.executed === "no" ? elsewhere : passage.run.executed;
    const { poolName: pool, runnerId } = deps;
    const context = { executed, phase: "handler", method, invocationId, attempt, pool, runnerId } as const;
    return isDue(deadlineOf(passage.invocation))
      ? new InvokeError("timeout", `${method} was given up at its deadline on runner ${deps.runnerId}.`, context)
      : new InvokeError("canceled", `${method} was canceled on runner ${deps.runnerId}.`, context);
  };

  return {
    dispatch: (invocation) =>
      Effect.suspend(() => {
        const passage: RequestState = { invocation, run: undefined, span: undefined };
        const method = deps.registry.find(invocation.method);
        const name = method?.name ?? OTHER_METHOD;
        const stage = {
          _tag: "server",
          method: name,
          facts: {
            system: RPC_SYSTEM,
            method: name,
            pool: deps.poolName,
            runnerId: deps.runnerId,
            invocationId: invocation.invocationId,
            attempt: invocation.attempt,
            coldStart: !served,
            clockOffsetMs: invocation.clockOffsetMs,
          },
          carrier: invocation.carrier,
        } as const;
        served = true;
        const enter = (span: StageSpan): Effect.Effect<Uint8Array, CallError> => {
          passage.span = span.ids;
          if (method === undefined) return Effect.fail(unregistered(deps, invocation.method));
          const deadlineAt = (): number => deadlineOf(invocation);
          const served =
            invocation.idempotencyKey === undefined || deps.idempotency === undefined
              ? serve(deps, passage, method, deadlineAt)
              : deps.idempotency(keyedRequest(deps, passage, method, span));
          return Effect.onInterrupt(served, () =>
            Effect.andThen(
              noteAborted(deadlineAt, span),
              Effect.sync(() => ended(passage, abandoned(passage))),
            ),
          );
        };
        return deps.telemetry.stage(stage, enter).pipe(
          Effect.matchCause({
            onSuccess: (body) => succeed(passage, body),
            onFailure: (cause) => fail(passage, cause),
          }),
        );
      }),
  };
};
