/**
 * Runs a verified invocation and makes the reply: finds the method and invokes it, in this process or in an isolate.
 * Local mode dispatches through the same code, so a local call and a call over the wire end in the same way.
 */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
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
import type { StageSpan, Telemetry } from "../../telemetry/telemetry.ts";
import { wallClockMs } from "../../contract/wire/clock.ts";
import { isDue } from "../handler/deadline.ts";
import { type Execution, newExecution, noteAborted } from "../handler/execution.ts";
import { failureOf } from "../handler/failure.ts";
import { invoke, lateResult } from "../handler/invoke.ts";
import type { IdempotencyGuard } from "../idempotency/idempotency.ts";
import type { KeyedRequest } from "../idempotency/in-flight.ts";
import type { IsolateRunner } from "../isolation/isolate-runner.ts";

export interface DispatcherDeps {
  readonly registry: Pick<Registry, "find" | "services">;
  readonly telemetry: Telemetry;
  readonly codec: Codec;
  readonly logger: Logger;
  /**
   * Removes secrets from what handlers threw, for the log. Default: a redactor that knows the patterns of common
   * secrets.
   */
  readonly redact?: Redactor;
  /** The pool that this process serves, for telemetry. */
  readonly poolName: string;
  readonly runnerId: string;
  /** Sends messages and stacks of handlers, and names of registered methods, to the caller. */
  readonly exposeErrors: boolean;
  /** Maximum size of an encoded result, in bytes. */
  readonly maxBodyBytes: number;
  /** Runs requests with the same idempotency key once. Without it, keys only reach the handlers. */
  readonly idempotency?: IdempotencyGuard;
  /** Runs methods with an isolation in isolates. Without it, all methods run in this process. */
  readonly isolated?: Pick<IsolateRunner, "invoke">;
}

/** The dependencies of a dispatcher, with defaults. */
type DispatcherHost = DispatcherDeps & { readonly redact: Redactor };

const unregistered = (deps: DispatcherHost, name: string): RegistryError => {
  const message = `Runner ${deps.runnerId} has no method ${name}. Import the module that defines it in the entry of the runner, and deploy parent and runner from the same build.${whyUnregistered(name)}`;
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

/** Invokes the method: in this process, or in an isolate if the method requires one. */
const run = (
  host: DispatcherHost,
  execution: Execution,
  method: RegisteredMethod,
): Effect.Effect<Uint8Array, CallError> => {
  const { isolation = "none" } = method.options;
  return isolation === "none" || host.isolated === undefined
    ? invoke(host, execution, method)
    : host.isolated.invoke(isolation, execution);
};

/** The execution as the idempotency guard needs it. */
const keyedRequest = (
  host: DispatcherHost,
  execution: Execution,
  method: RegisteredMethod,
  span: StageSpan,
): KeyedRequest => ({
  invocation: execution.invocation,
  run: (deadlineAt) => {
    execution.deadlineAt = deadlineAt;
    return run(host, execution, method);
  },
  lateResult: () => lateResult(host, execution),
  decided: (outcome) => {
    span.setAttributes({ idempotencyOutcome: outcome });
    host.telemetry.emit({ _tag: "IdempotencyDecided", pool: host.poolName, outcome });
  },
});

const timingsOf = ({ invocation, startedAt, endedAt, span, handlerSpanOpened }: Execution): RunnerTimings => {
  const { arrivedAt } = invocation;
  const now = performance.now();
  const sentMs = wallClockMs();
  // A relayed span was recorded elsewhere.
  const recorded = span?.sampled === true && span.relayed !== true;
  return {
    receivedMs: sentMs - (now - arrivedAt),
    sentMs,
    queueMs: (startedAt ?? now) - arrivedAt,
    handlerMs: startedAt === undefined ? 0 : (endedAt ?? now) - startedAt,
    spans: recorded ? (handlerSpanOpened ? 2 : 1) : 0,
    exported: spanExport(),
  };
};

const emitEnded = (host: DispatcherHost, execution: Execution, error: CallError | undefined): void => {
  const { invocation, method, thrown, span } = execution;
  host.telemetry.emit({
    _tag: "ServerEnded",
    method: method?.name ?? OTHER_METHOD,
    pool: host.poolName,
    durationMs: performance.now() - invocation.arrivedAt,
    error,
    thrown,
    invocationId: invocation.invocationId,
    attempt: invocation.attempt,
    span,
  });
};

/** The error of an invocation whose caller canceled it or disconnected. */
const abortedError = (
  { poolName: pool, runnerId }: DispatcherHost,
  { invocation, executed }: Execution,
): InvokeError => {
  const { method, invocationId, attempt, arrivedAt, timeoutMs, idempotencyKey } = invocation;
  // Another request with the same key may have run the handler.
  const known = executed === "no" && idempotencyKey !== undefined ? "unknown" : executed;
  const context = { executed: known, phase: "handler", method, invocationId, attempt, pool, runnerId } as const;
  return isDue(arrivedAt + timeoutMs)
    ? new InvokeError("timeout", `${method} was aborted at its deadline on runner ${runnerId}.`, context)
    : new InvokeError("canceled", `${method} was canceled on runner ${runnerId}.`, context);
};

const replyTo = (
  host: DispatcherHost,
  execution: Execution,
  exit: Exit.Exit<Uint8Array, CallError>,
): InvocationReply => {
  if (Exit.isSuccess(exit)) {
    emitEnded(host, execution, undefined);
    return { outcome: "ok", status: 200, body: exit.value, timings: timingsOf(execution) };
  }
  const { method, invocationId, attempt } = execution.invocation;
  const error = withContext(failureOf(exit.cause), {
    method,
    invocationId,
    attempt,
    pool: host.poolName,
    runnerId: host.runnerId,
  });
  emitEnded(host, execution, error);
  return {
    outcome: "error",
    status: httpStatus[error.code],
    body: encodeErrorBody(error, host.exposeErrors),
    timings: timingsOf(execution),
    thrown: execution.thrown,
  };
};

export const makeDispatcher = (deps: DispatcherDeps): Dispatcher => {
  const host: DispatcherHost = { ...deps, redact: deps.redact ?? makeRedactor([]) };
  let coldStart = true;

  const dispatch = (invocation: Invocation): Effect.Effect<InvocationReply> => {
    const method = host.registry.find(invocation.method);
    const execution = newExecution(host, invocation, method);
    const name = method?.name ?? OTHER_METHOD;
    const facts = {
      system: RPC_SYSTEM,
      method: name,
      pool: host.poolName,
      runnerId: host.runnerId,
      invocationId: invocation.invocationId,
      attempt: invocation.attempt,
      coldStart,
      clockOffsetMs: invocation.clockOffsetMs,
    };
    coldStart = false;
    const served = host.telemetry.stage(
      { _tag: "server", method: name, facts, carrier: invocation.carrier },
      (span): Effect.Effect<Uint8Array, CallError> => {
        execution.span = span.ids;
        if (method === undefined) return Effect.fail(unregistered(host, invocation.method));
        const result =
          invocation.idempotencyKey === undefined || host.idempotency === undefined
            ? run(host, execution, method)
            : host.idempotency(keyedRequest(host, execution, method, span));
        return Effect.onInterrupt(result, () =>
          Effect.andThen(
            noteAborted(invocation.arrivedAt + invocation.timeoutMs, span),
            Effect.sync(() => emitEnded(host, execution, abortedError(host, execution))),
          ),
        );
      },
    );
    return Effect.map(Effect.exit(served), (exit) => replyTo(host, execution, exit));
  };

  return { dispatch: (invocation) => Effect.suspend(() => dispatch(invocation)) };
};
