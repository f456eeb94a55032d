/**
 * Runs a verified invocation and makes the reply: finds the method and invokes it, in this process or in an isolate.
 * Local mode dispatches through the same code, so a local call and a call over the wire end in the same way.
 */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import type { Codec } from "../../contract/codec/codec.ts";
import type { Dispatcher, Invocation, InvocationReply } from "../../contract/wire/dispatcher.ts";
import { httpStatus, type RunnerTimings } from "../../contract/wire/envelope.ts";
import { encodeErrorBody } from "../../contract/wire/error-body.ts";
import { type CallError, InvokeError, RegistryError, withContext } from "../../contract/errors.ts";
import type { Logger } from "../../contract/config/options.ts";
import type { RegisteredMethod, Registry } from "../../contract/api/registry.ts";
import { whyUnregistered } from "../../contract/process/copies.ts";
import { spanExport } from "../../contract/wire/span-export.ts";
import { OTHER_METHOD, type SpanFields } from "../../telemetry/catalog.ts";
import { makeRedactor, type Redactor } from "../../telemetry/redaction.ts";
import type { AnyFiber, StageSpan, Telemetry } from "../../telemetry/telemetry.ts";
import { wallClockMs } from "../../contract/wire/clock.ts";
import { isDue } from "../handler/deadline.ts";
import type { HandlerOwner, HandlerRun } from "../handler/call-handler.ts";
import { type Execution, newExecution } from "../handler/execution.ts";
import { failureOf } from "../handler/failure.ts";
import { invoke, invokeNow, lateResult } from "../handler/invoke.ts";
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

/** Invokes the method in a fiber: in this process, or in an isolate if the method requires one. */
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

/** An invocation that is served: its stage, the run of its handler, and its reply. */
class ServedInvocation implements Serving, HandlerOwner {
  readonly #host: DispatcherHost;
  readonly #execution: Execution;
  readonly #span: StageSpan;
  readonly #done: (reply: InvocationReply | undefined) => void;
  /** The handler, where it was called without a fiber. */
  #run: HandlerRun | undefined;
  #fiber: Fiber.Fiber<Uint8Array, CallError> | undefined;
  #ended: boolean;

  /** @param around the fiber that it is in, if any */
  constructor(
    host: DispatcherHost,
    invocation: Invocation,
    coldStart: boolean,
    around: AnyFiber | undefined,
    done: (reply: InvocationReply | undefined) => void,
  ) {
    const method = host.registry.find(invocation.method);
    const execution = newExecution(host, invocation, method);
    const facts: SpanFields = {
      pool: host.poolName,
      runnerId: host.runnerId,
      invocationId: invocation.invocationId,
      attempt: invocation.attempt,
      coldStart,
      clockOffsetMs: invocation.clockOffsetMs,
    };
    const { carrier } = invocation;
    const span = host.telemetry.begin({ _tag: "server", method: method?.name ?? OTHER_METHOD, facts, carrier }, around);
    execution.span = span.ids;
    this.#host = host;
    this.#execution = execution;
    this.#span = span;
    this.#done = done;
    this.#ended = false;
    if (method === undefined) {
      this.onEnd(Exit.fail(unregistered(host, invocation.method)));
    } else if (
      (invocation.idempotencyKey === undefined || host.idempotency === undefined) &&
      (method.options.isolation ?? "none") === "none" &&
      host.codec.isQuickToDecode(invocation.body)
    ) {
      this.#run = invokeNow(host, execution, method, this, around, span);
    } else {
      this.#fork(method, around);
    }
  }

  onEnd(exit: Exit.Exit<Uint8Array, CallError>): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#span.end(exit);
    if (Exit.isSuccess(exit)) {
      this.#emitEnded(undefined);
      return this.#done({ outcome: "ok", status: 200, body: exit.value, timings: timingsOf(this.#execution) });
    }
    const { poolName: pool, runnerId, exposeErrors } = this.#host;
    const { method, invocationId, attempt } = this.#execution.invocation;
    const error = withContext(failureOf(exit.cause), { method, invocationId, attempt, pool, runnerId });
    this.#emitEnded(error);
    this.#done({
      outcome: "error",
      status: httpStatus[error.code],
      body: encodeErrorBody(error, exposeErrors),
      timings: timingsOf(this.#execution),
      thrown: this.#execution.thrown,
    });
  }

  abort(): Effect.Effect<void> {
    if (this.#fiber !== undefined) return Effect.asVoid(Fiber.interrupt(this.#fiber));
    if (this.#ended) return Effect.void;
    this.#ended = true;
    this.#run?.cancel();
    this.#noteAborted();
    this.#span.end(Exit.interrupt());
    this.#done(undefined);
    return Effect.void;
  }

  /** Runs what may have to wait in a fiber. */
  #fork(method: RegisteredMethod, around: AnyFiber | undefined): void {
    const host = this.#host;
    const execution = this.#execution;
    const result =
      execution.invocation.idempotencyKey === undefined || host.idempotency === undefined
        ? run(host, execution, method)
        : host.idempotency(keyedRequest(host, execution, method, this.#span));
    const context = this.#span.within(around?.context ?? Context.empty());
    this.#fiber = Effect.runForkWith(context)(Effect.onInterrupt(result, () => Effect.sync(() => this.#noteAborted())));
    this.#fiber.addObserver((exit) => {
      if (!Exit.hasInterrupts(exit)) return this.onEnd(exit);
      this.#ended = true;
      this.#span.end(exit);
      this.#done(undefined);
    });
  }

  /** The caller canceled the invocation or disconnected. */
  #noteAborted(): void {
    const { arrivedAt, timeoutMs } = this.#execution.invocation;
    this.#span.setAttributes({ status: isDue(arrivedAt + timeoutMs) ? "DEADLINE_EXCEEDED" : "CANCELLED" });
    this.#emitEnded(abortedError(this.#host, this.#execution));
  }

  #emitEnded(error: CallError | undefined): void {
    const { invocation, method, thrown, span } = this.#execution;
    this.#host.telemetry.emit({
      _tag: "ServerEnded",
      method: method?.name ?? OTHER_METHOD,
      pool: this.#host.poolName,
      durationMs: performance.now() - invocation.arrivedAt,
      error,
      thrown,
      invocationId: invocation.invocationId,
      attempt: invocation.attempt,
      span,
    });
  }
}

/** A dispatcher that can also serve an invocation without a fiber. */
export interface ServingDispatcher extends Dispatcher {
  /**
   * Serves an invocation.
   *
   * @param done Called once with the reply, or with `undefined` once it was aborted; maybe before this returns.
   */
  serve(invocation: Invocation, done: (reply: InvocationReply | undefined) => void): Serving;
}

/** An invocation that is being served. */
export interface Serving {
  /** Aborts the handler's signal. The effect waits until nothing of the invocation runs any more in this process. */
  abort(): Effect.Effect<void>;
}

export const makeDispatcher = (deps: DispatcherDeps): ServingDispatcher => {
  const host: DispatcherHost = { ...deps, redact: deps.redact ?? makeRedactor([]) };
  let coldStart = true;

  const serve = (
    invocation: Invocation,
    done: (reply: InvocationReply | undefined) => void,
    around?: AnyFiber,
  ): ServedInvocation => {
    const cold = coldStart;
    coldStart = false;
    return new ServedInvocation(host, invocation, cold, around, done);
  };

  return {
    serve,
    dispatch: (invocation) =>
      Effect.withFiber((fiber) =>
        Effect.callback((resume) => {
          const serving = serve(
            invocation,
            (reply) => resume(reply === undefined ? Effect.interrupt : Effect.succeed(reply)),
            fiber,
          );
          return Effect.suspend(() => serving.abort());
        }),
      ),
  };
};
