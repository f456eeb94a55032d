/**
 * The isolate's side: runs what its runner sends, with the methods that its own copy of the code registers, and reports
 * the outcome. It has one execution at a time.
 */
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import type * as Fiber from "effect/Fiber";
import { whyUnregistered } from "../../contract/process/copies.ts";
import { makeCodec } from "../../contract/codec/codec.ts";
import { encodeErrorBody } from "../../contract/wire/error-body.ts";
import { type CallError, InvokeError, RegistryError } from "../../contract/errors.ts";
import type { Logger } from "../../contract/config/options.ts";
import type { RunnerHooks } from "../../contract/config/runner-hooks.ts";
import type { RegisteredMethod, Registry } from "../../contract/api/registry.ts";
import { readThrown } from "../../contract/thrown.ts";
import type { Redactor } from "../../telemetry/redaction.ts";
import type { Telemetry } from "../../telemetry/telemetry.ts";
import { failureOf } from "../handler/failure.ts";
import { LifecycleHooks } from "../lifecycle/hooks.ts";
import { type Execution, type ExecutionHost, newExecution } from "../handler/execution.ts";
import { invoke, lateResult } from "../handler/invoke.ts";
import type { RunnerLink } from "./runner-link.ts";
import { type IsolateSettings, ownBytes, type RunEnd, type RunMessage } from "./messages.ts";
import type { RunnerServer } from "../server.ts";

/** What an instance provides in an isolate. */
export interface IsolateServerDeps {
  readonly registry: Pick<Registry, "find">;
  readonly telemetry: Telemetry;
  readonly logger: Logger;
  readonly redact: Redactor;
  readonly hooks: RunnerHooks;
  /** Shuts the instance down, and flushes its telemetry. */
  readonly shutdown: () => Promise<void>;
}

/** An instance, and the hooks that it has for this isolate. */
interface Instance extends IsolateServerDeps {
  readonly life: LifecycleHooks;
}

/** The execution in progress. */
interface Current {
  readonly fiber: Fiber.Fiber<Uint8Array, CallError>;
  readonly expire: () => void;
  readonly extend: (timeoutMs: number) => void;
}

const codec = makeCodec();

const failed = (error: CallError, thrown?: unknown): RunEnd => ({
  outcome: "error",
  body: encodeErrorBody(error, true),
  thrown: thrown === undefined ? undefined : readThrown(thrown),
});

const succeeded = (body: Uint8Array): RunEnd => ({ outcome: "ok", body: ownBytes(body) });

const endOf = (execution: Execution, exit: Exit.Exit<Uint8Array, CallError>): RunEnd => {
  if (Exit.isSuccess(exit)) return succeeded(exit.value);
  if (!Cause.hasInterruptsOnly(exit.cause)) return failed(failureOf(exit.cause), execution.thrown);
  return failed(
    new InvokeError("canceled", `${execution.invocation.method} was canceled.`, {
      executed: execution.executed,
      phase: "handler",
    }),
  );
};

class IsolateServer {
  readonly #link: RunnerLink;
  readonly #instances: Array<Instance> = [];
  /** Instances whose start hook is running. */
  #starting = 0;
  #ready = false;
  #current: Current | undefined;

  constructor(link: RunnerLink) {
    this.#link = link;
  }

  /** Adds the methods of an instance. */
  join(deps: IsolateServerDeps): void {
    const { runnerId, poolName, isolation } = this.#link.settings;
    const { hooks, logger } = deps;
    const life = new LifecycleHooks({ hooks, runnerId, poolName, isolation, logger });
    this.#instances.push({ ...deps, life });
    if (this.#instances.length === 1) this.#listen();
    if (life.hasStart) this.#link.send({ _tag: "Starting" });
    const starting = life.start();
    if (starting === undefined) return this.#readyWhenStarted();
    this.#starting++;
    starting.then(
      () => {
        this.#starting--;
        this.#readyWhenStarted();
      },
      (error: Error) => {
        logger.error(error.message, { error });
        this.#link.send({ _tag: "StartFailed", thrown: readThrown(error.cause ?? error) });
      },
    );
  }

  #listen(): void {
    this.#link.listen((message) => {
      switch (message._tag) {
        case "Run":
          return this.#run(message);
        case "Extend":
          return this.#current?.extend(message.timeoutMs);
        case "Expire":
          return this.#current?.expire();
        case "Cancel":
          return this.#current?.fiber.interruptUnsafe();
        case "Exit":
          return void this.#exit(message.stopMs);
      }
    });
  }

  #readyWhenStarted(): void {
    if (this.#ready || this.#starting > 0) return;
    this.#ready = true;
    this.#link.send({ _tag: "Ready" });
  }

  #run(message: RunMessage): void {
    for (const deps of this.#instances) {
      const method = deps.registry.find(message.method);
      if (method !== undefined) return this.#whenStarted(deps, () => this.#start(deps, method, message));
    }
    const missing = `The isolate of runner ${this.#link.settings.runnerId} has no method ${message.method}. Register the method whenever the module is imported, before createRunnerServer is called: import.meta.main and isMainThread differ there.${whyUnregistered(message.method)}`;
    this.#link.send({ _tag: "Ended", end: failed(new RegistryError(missing)) });
  }

  /** An instance may have joined after the isolate was ready. */
  #whenStarted({ life }: Instance, run: () => void): void {
    const starting = life.start();
    if (starting === undefined) return run();
    const fail = (error: CallError): void => this.#link.send({ _tag: "Ended", end: failed(error) });
    starting.then(run, fail);
  }

  #start(deps: IsolateServerDeps, method: RegisteredMethod, message: RunMessage): void {
    const { runnerId, maxBodyBytes } = this.#link.settings;
    const { logger, redact, telemetry } = deps;
    const arrivedAt = performance.now();
    const options = { codec, maxBodyBytes };
    const reporting: RegisteredMethod = {
      ...method,
      invoke: (context, args) => {
        this.#link.send({ _tag: "Started" });
        return method.invoke(context, args);
      },
    };
    // The span of the handler belongs to the runner, and so does the deadline.
    const host: ExecutionHost = {
      runnerId,
      logger,
      redact,
      telemetry: {
        begin: () => telemetry.adopt(message.carrier),
        stage: (_stage, run) => run(telemetry.adopt(message.carrier)),
      },
    };
    let expire = (): void => {};
    const { _tag, ...invocation } = message;
    const execution = newExecution(
      host,
      { ...invocation, arrivedAt, clockOffsetMs: undefined },
      method,
      (_deadlineAt, onExpired) => {
        expire = onExpired;
        return () => {};
      },
    );
    const fiber = Effect.runFork(invoke(options, execution, reporting));
    this.#current = {
      fiber,
      expire: () => expire(),
      extend: (moreMs) => {
        const deadlineAt = performance.now() + moreMs;
        execution.deadlineAt = () => deadlineAt;
      },
    };
    fiber.addObserver((exit) => void this.#ended(execution, exit, lateResult(options, execution)));
  }

  /** The isolate is free when the handler ends, which can be after the deadline. */
  async #ended(
    execution: Execution,
    exit: Exit.Exit<Uint8Array, CallError>,
    pending: Promise<Uint8Array> | undefined,
  ): Promise<void> {
    const late = Exit.isSuccess(exit) ? undefined : await pending?.catch(() => undefined);
    this.#current = undefined;
    this.#link.send({ _tag: "Ended", end: late === undefined ? endOf(execution, exit) : succeeded(late) });
  }

  async #exit(stopMs: number): Promise<void> {
    await Promise.all(this.#instances.map(({ life }) => life.stop(stopMs)));
    await Promise.allSettled(this.#instances.map(({ shutdown }) => shutdown()));
    process.exit(0);
  }
}

let host: IsolateServer | undefined;

/** Serves the methods of an instance to the runner. */
export const serveInIsolate = (link: RunnerLink, deps: IsolateServerDeps): void => {
  (host ??= new IsolateServer(link)).join(deps);
};

/** Replaces the runner's server in an isolate. It has the address of the runner, and is never ready. */
export const isolateServerStub = ({ port, hostname, url, runnerId }: IsolateSettings): RunnerServer => ({
  port,
  hostname,
  url,
  runnerId,
  ready: new Promise(() => {}),
  stop: async () => {},
});
