/**
 * A runner's HTTP server. Read this first: {@link makeInvoke} is the way of an
 * invocation from top to bottom, and each step has a file of its own.
 *
 * arrive → verify → admit → dispatch (decode, execute, encode) → respond
 */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import type { Elysia as ElysiaClass } from "elysia";
import { makeCodec } from "../contract/codec/codec.ts";
import type { Dispatcher, Invocation } from "../contract/wire/dispatcher.ts";
import { type CallError, InvokeError } from "../contract/errors.ts";
import type { Logger } from "../contract/config/options.ts";
import type { Environment, ResolvedConfig } from "../contract/config/resolve-config.ts";
import type { Registry } from "../contract/api/registry.ts";
import { makeKeyring } from "../contract/wire/signature.ts";
import { exceptionMeta } from "../telemetry/exception.ts";
import { makeRedactor, type Redactor } from "../telemetry/redaction.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { type Admission, makeAdmission, type Permit } from "./request/admission.ts";
import { type Arrival, arrive, type IncomingRequest } from "./http/incoming.ts";
import { makeDispatcher } from "./request/dispatch.ts";
import { makeIdempotencyGuard } from "./idempotency/idempotency.ts";
import { makeIsolatedRuns } from "./isolation/isolate-runner.ts";
import { beginLife } from "./lifecycle/lifecycle.ts";
import { LifecycleHooks } from "./lifecycle/hooks.ts";
import { Freshness } from "./request/freshness.ts";
import type { StopOptions } from "./lifecycle/shutdown.ts";
import { loadElysia } from "./http/http-packages.ts";
import { listen, toResponse } from "./http/listen.ts";
import { makeProbes, methodNotAllowed, type MetricsText, type Probes } from "./http/health-endpoints.ts";
import { resolveRunnerOptions, type RunnerServerOptions } from "./options.ts";
import {
  type Answer,
  json,
  lastOnConnection,
  signedError,
  signedHeartbeatAck,
  signedReply,
  unsignedError,
} from "./http/respond.ts";
import { makeRefusals, type RejectionLog } from "./request/rejection-log.ts";
import type { Refused } from "./request/rejected.ts";
import { UnverifiedRequests, unverifiedLimits } from "./http/unverified.ts";
import { makeVerifier, type Verified, type Verifier } from "./request/verify.ts";

/** A running runner server. */
export interface RunnerServer {
  /** The port that it listens on. */
  readonly port: number;
  /** The address that it listens on, such as `127.0.0.1`; `0.0.0.0` and `::` mean all interfaces. */
  readonly hostname: string;
  /** Base URL for clients on this machine, such as `http://127.0.0.1:4123`. */
  readonly url: string;
  /** The runner id. */
  readonly runnerId: string;
  /**
   * Resolves when the server accepts requests and `onRunnerStart` is done. Rejects with a `ConfigError` if the port
   * is not available, and with an `InvokeError` if `onRunnerStart` failed.
   */
  readonly ready: Promise<void>;
  /**
   * Stops in order: `/ready` answers 503 and new calls are rejected as not executed; running calls have
   * `drainTimeoutMs` and are then aborted; `onRunnerStop` has the rest of that time; sockets close; telemetry is
   * flushed.
   *
   * @param options how long to drain
   */
  stop(options?: StopOptions): Promise<void>;
}

/** What the server is made of. */
export interface RunnerServerDeps {
  readonly config: ResolvedConfig;
  readonly registry: Pick<Registry, "find" | "services">;
  readonly telemetry: Telemetry;
  /** Serves `GET /metrics`; left out when metrics are off. */
  readonly metrics?: MetricsText;
  /** What must be there before the runner is ready. */
  readonly loading?: Promise<void> | undefined;
  readonly logger: Logger;
  /** Makes what handlers threw safe to log. Default: strikes out what looks like a secret. */
  readonly redact?: Redactor;
  /** `FLAME_PORT`, `FLAME_HOST`, `FLAME_RUNNER_ID`, `FLAME_POOL`, `FLAME_SUPERVISED` and `FLAME_ORPHAN_TIMEOUT_MS` are read from here. */
  readonly env: Environment;
}

/** Most nonces held in memory: about 100 MB when full, at the default window after some 6 000 requests a second for minutes. */
const nonceCapacity = 1_000_000;

interface Stages {
  readonly unverified: UnverifiedRequests;
  readonly verify: Verifier;
  readonly admission: Admission;
  readonly dispatcher: Dispatcher;
  readonly runnerId: string;
  readonly refusals: RejectionLog;
  /** Somebody who holds the secret has spoken. */
  readonly onHeartbeat: () => void;
}

const toInvocation = ({ head, body, clockOffsetMs }: Verified, arrivedAt: number): Invocation => ({
  method: head.method,
  invocationId: head.invocationId,
  attempt: head.attempt,
  timeoutMs: head.timeoutMs,
  idempotencyKey: head.idempotencyKey,
  carrier: { traceparent: head.traceparent, tracestate: head.tracestate, baggage: head.baggage },
  body,
  arrivedAt,
  clockOffsetMs,
});

/** Why a running invocation gave no reply: the runner stops; or its caller is gone, who does not hear this. */
const interruptedError = (permit: Permit, runnerId: string, method: string): CallError =>
  permit.canceled
    ? new InvokeError("unavailable", `Runner ${runnerId} stopped while ${method} was running and aborted it.`, {
        executed: "yes",
        phase: "handler",
      })
    : new InvokeError("invoke_error", `${method} was broken off on runner ${runnerId}.`, {
        executed: "unknown",
        phase: "handler",
      });

/** Runs an admitted invocation; the end of a drain interrupts it, and so does a disconnect unless it is detached. */
const run = ({ dispatcher, runnerId }: Stages, verified: Verified, permit: Permit, arrival: Arrival): Promise<Answer> =>
  new Promise((resolve) => {
    const { head, key } = verified;
    const fiber = Effect.runFork(dispatcher.dispatch(toInvocation(verified, arrival.arrivedAt)));
    const stopAttending = arrival.attend(() => {
      if (head.detached !== true) fiber.interruptUnsafe();
    });
    permit.onCancel(() => fiber.interruptUnsafe());
    fiber.addObserver((exit) => {
      stopAttending();
      permit.release();
      resolve(
        Exit.isSuccess(exit)
          ? signedReply(head, key, runnerId, exit.value)
          : signedError(head, key, runnerId, arrival.arrivedAt, interruptedError(permit, runnerId, head.method)),
      );
    });
  });

const refusal = (stages: Stages, refused: Refused, arrival: Arrival): Answer => {
  stages.refusals.report(refused, arrival);
  const { signer, status, error, instance } = refused;
  return signer === undefined
    ? lastOnConnection(unsignedError(status, error))
    : signedError(signer.head, signer.key, stages.runnerId, arrival.arrivedAt, error, false, instance);
};

const makeInvoke =
  (stages: Stages) =>
  async (request: IncomingRequest): Promise<Response> => {
    const arrival = arrive(request, stages.unverified);
    const verified = await stages.verify(arrival);
    if (verified._tag === "Refused") return toResponse(refusal(stages, verified, arrival));

    const { head, key, heard } = verified;
    if (!verified.asks) {
      stages.refusals.accepted();
      stages.onHeartbeat();
    }
    if (heard !== undefined)
      return toResponse(signedHeartbeatAck(head, key, stages.runnerId, arrival.arrivedAt, heard));

    const permit = stages.admission.admit();
    const answer =
      permit instanceof InvokeError
        ? signedError(head, key, stages.runnerId, arrival.arrivedAt, permit, stages.admission.draining)
        : await run(stages, verified, permit, arrival);
    return toResponse(stages.admission.draining ? lastOnConnection(answer) : answer);
  };

/** The routes. Each answers every method itself, so that a wrong one is told apart from a wrong path. */
const makeApp = (
  Elysia: typeof ElysiaClass,
  invokePath: string,
  invoke: (request: IncomingRequest) => Promise<Response>,
  probes: Probes,
  onError: (error: unknown) => void,
) => {
  const raw = { parse: "none" } as const;
  const wrongMethod = (allow: string) => (): Response => toResponse(methodNotAllowed(allow));
  return new Elysia({ handler: { standardHostname: false } })
    .onError(({ error }) => {
      onError(error);
      return toResponse(lastOnConnection(json(500, { error: "The runner's server failed; its log has the cause." })));
    })
    .post(invokePath, ({ request }) => invoke(request as IncomingRequest), raw)
    .all(invokePath, wrongMethod("POST"), raw)
    .get("/health", () => toResponse(probes.health()))
    .all("/health", wrongMethod("GET, HEAD"), raw)
    .get("/ready", () => toResponse(probes.ready()))
    .all("/ready", wrongMethod("GET, HEAD"), raw)
    .get("/metrics", async () => toResponse(await probes.metrics()))
    .all("/metrics", wrongMethod("GET, HEAD"), raw)
    .all("/*", () => toResponse(probes.nothing()), raw);
};

const asksForIsolation = (registry: RunnerServerDeps["registry"]): boolean =>
  registry
    .services()
    .some(({ methods }) => [...methods.values()].some(({ options }) => (options.isolation ?? "none") !== "none"));

/**
 * Starts a runner's server. Returns at once: `port` and `url` are known, with port 0 too.
 *
 * @throws {ConfigError} for an option that cannot work. A port that cannot be had rejects `ready` instead.
 */
export const createRunnerServer = (deps: RunnerServerDeps, given: RunnerServerOptions = {}): RunnerServer => {
  const options = resolveRunnerOptions(given, deps.config, deps.env);
  const { runnerId, security, maxBodyBytes, exposeErrors, idempotency, poolName } = options;
  const { registry, telemetry, logger } = deps;

  const keyring =
    security.secret === undefined
      ? undefined
      : makeKeyring({ id: security.keyId, secret: security.secret }, security.acceptKeys);
  const freshness = new Freshness({
    windowMs: security.windowMs,
    capacity: nonceCapacity,
    onClockStep: (stepMs) => telemetry.emit({ _tag: "ClockStepped", pool: poolName, runnerId, stepMs }),
  });
  const verify = makeVerifier({
    keyring,
    maxBodyBytes,
    runnerId,
    checkAudience: options.checkAudience,
    freshness,
  });
  const admission = makeAdmission({
    runnerId,
    maxConcurrency: options.maxConcurrency,
    starting: options.onRunnerStart !== undefined,
  });
  const redact = deps.redact ?? makeRedactor([]);
  const isolated = makeIsolatedRuns({
    ...options.isolation,
    settings: () => ({
      runnerId,
      poolName,
      url: listener.url,
      port: listener.port,
      hostname: listener.hostname,
      maxBodyBytes,
    }),
    telemetry,
  });
  if (asksForIsolation(registry)) isolated.check();
  const dispatcher = makeDispatcher({
    registry,
    telemetry,
    codec: makeCodec(),
    logger,
    redact,
    poolName,
    runnerId,
    exposeErrors,
    maxBodyBytes,
    idempotency: idempotency && makeIdempotencyGuard({ idempotency, logger, redact, runnerId, exposeErrors }),
    isolated,
  });
  const unverified = new UnverifiedRequests(unverifiedLimits(maxBodyBytes));
  const refusals = makeRefusals(options, deps);
  const invoke = makeInvoke({
    unverified,
    verify,
    admission,
    dispatcher,
    runnerId,
    refusals,
    onHeartbeat: () => life.heard(),
  });

  const probes = makeProbes({ runnerId, admission, metrics: deps.metrics });
  const app = loadElysia().then((Elysia) =>
    makeApp(Elysia, options.invokePath, invoke, probes, (error) =>
      logger.error("The runner's server failed on a request.", exceptionMeta(error, redact)),
    ),
  );
  const listener = listen(
    app.then(({ fetch }) => fetch),
    {
      port: options.port,
      hostname: options.hostname,
      unverified,
      onError: (error) => logger.error(`The socket of runner ${runnerId} failed.`, exceptionMeta(error, redact)),
    },
  );

  const hooks = new LifecycleHooks({ hooks: options, runnerId, poolName, isolation: "none", logger });
  const life = beginLife({
    options,
    admission,
    listener,
    isolated,
    hooks,
    refusals,
    telemetry,
    logger,
    env: deps.env,
    loading: deps.loading,
  });
  const { port, hostname, url } = listener;
  return { port, hostname, url, runnerId, ready: life.ready, stop: life.stop };
};
