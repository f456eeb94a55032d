/**
 * The HTTP server of a runner. Start here. {@link handleInvocation} shows the path of a request:
 *
 *   incoming → verify → admit → dispatch → handler/invoke (decode, call, encode) → respond
 *
 * One object, the `Execution` of handler/execution.ts, carries the state of the invocation.
 */
import * as Effect from "effect/Effect";
import type { Elysia as ElysiaClass } from "elysia";
import { makeCodec } from "../contract/codec/codec.ts";
import type { InvocationReply } from "../contract/wire/dispatcher.ts";
import { type CallError, InvokeError } from "../contract/errors.ts";
import type { Logger } from "../contract/config/options.ts";
import type { Environment, ResolvedConfig } from "../contract/config/resolve-config.ts";
import type { Registry } from "../contract/api/registry.ts";
import { makeKeyring } from "../contract/wire/signature.ts";
import { exceptionMeta } from "../telemetry/exception.ts";
import { makeRedactor, type Redactor } from "../telemetry/redaction.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { type Admission, makeAdmission, Permit } from "./request/admission.ts";
import { type Incoming, fromRequest, type IncomingRequest } from "./http/incoming.ts";
import { makeDispatcher, type ServingDispatcher } from "./request/dispatch.ts";
import { makeIdempotencyGuard } from "./idempotency/idempotency.ts";
import { makeIsolateRunner } from "./isolation/isolate-runner.ts";
import { type Lifecycle, startLifecycle } from "./lifecycle/lifecycle.ts";
import { LifecycleHooks } from "./lifecycle/hooks.ts";
import type { LinkInvocation } from "./link/link-invocation.ts";
import { makeLinkServer, upgradeRequired } from "./link/link-server.ts";
import { Freshness } from "./request/freshness.ts";
import type { StopOptions } from "./lifecycle/shutdown.ts";
import { loadElysia } from "./http/http-packages.ts";
import { listen, toResponse } from "./http/listen.ts";
import {
  makeHealthEndpoints,
  methodNotAllowed,
  type MetricsText,
  type HealthEndpoints,
} from "./http/health-endpoints.ts";
import { resolveRunnerOptions, type RunnerServerOptions } from "./options.ts";
import {
  type Answer,
  errorReply,
  json,
  lastOnConnection,
  signedError,
  signedHeartbeatAck,
  signedReply,
  unsignedError,
} from "./http/respond.ts";
import { makeRejectionLog, type RejectionLog } from "./request/rejection-log.ts";
import type { Rejected } from "./request/rejected.ts";
import { UnverifiedRequests, unverifiedLimits } from "./http/unverified.ts";
import { makeVerifier, type Verified, type Verifier } from "./request/verify.ts";

/** A running runner server. */
export interface RunnerServer {
  /** The port that it listens on. */
  readonly port: number;
  /** The address that it listens on, such as `127.0.0.1`. `0.0.0.0` or `::` stand for all interfaces. */
  readonly hostname: string;
  /** Base URL for clients on this machine, such as `http://127.0.0.1:4123`. */
  readonly url: string;
  /** The runner id. */
  readonly runnerId: string;
  /**
   * Resolves when the server accepts requests and `onRunnerStart` has finished. Rejects with a `ConfigError` if the
   * port cannot be opened, and with an `InvokeError` if `onRunnerStart` failed.
   */
  readonly ready: Promise<void>;
  /**
   * Stops in order. `/ready` responds with 503, and new invocations are rejected without running. Running ones have
   * `drainTimeoutMs` to finish and are then aborted. `onRunnerStop` gets the remaining time. Then sockets are closed
   * and telemetry is flushed.
   *
   * @param options how long to drain
   */
  stop(options?: StopOptions): Promise<void>;
}

/** The dependencies of the server. */
export interface RunnerServerDeps {
  readonly config: ResolvedConfig;
  readonly registry: Pick<Registry, "find" | "services">;
  readonly telemetry: Telemetry;
  /** Serves `GET /metrics`. Left out if metrics are off. */
  readonly metrics?: MetricsText;
  /** Must settle before the runner is ready. */
  readonly loading?: Promise<void> | undefined;
  readonly logger: Logger;
  /** Removes secrets from what handlers threw. Default: a redactor that knows the patterns of common secrets. */
  readonly redact?: Redactor;
  /**
   * `FLAME_PORT`, `FLAME_HOST`, `FLAME_RUNNER_ID`, `FLAME_POOL`, `FLAME_SUPERVISED` and `FLAME_ORPHAN_TIMEOUT_MS` are
   * read from it.
   */
  readonly env: Environment;
}

/**
 * Maximum number of nonces in memory. A full cache takes about 100 MB; that is 6,000 requests per second at the default
 * window.
 */
const nonceCapacity = 1_000_000;

/** The stages of a request, and what they share. */
interface Stages {
  readonly unverified: UnverifiedRequests;
  readonly verify: Verifier;
  readonly admission: Admission;
  readonly dispatcher: ServingDispatcher;
  readonly runnerId: string;
  readonly rejections: RejectionLog;
  readonly lifecycle: Pick<Lifecycle, "onHeartbeat">;
}

/** The error of an invocation that was interrupted: the runner is stopping, or the caller has disconnected. */
const interruptedError = (permit: Permit, runnerId: string, method: string): CallError =>
  permit.canceled
    ? new InvokeError("unavailable", `Runner ${runnerId} stopped and aborted ${method} while it was running.`, {
        executed: "yes",
        phase: "handler",
      })
    : new InvokeError("invoke_error", `${method} was interrupted on runner ${runnerId}.`, {
        executed: "unknown",
        phase: "handler",
      });

const ignore = (): void => {};

const internalError = new InvokeError("invoke_error", "Internal error in the runner's server; see the runner's log.", {
  executed: "unknown",
  phase: "runner_queue",
});

/** Runs an admitted invocation. The end of a drain cancels it, and so does a disconnect unless it is detached. */
const runAdmitted = (
  { dispatcher, runnerId }: Stages,
  { head, body, clockOffsetMs }: Pick<Verified, "head" | "body" | "clockOffsetMs">,
  permit: Permit,
  incoming: Pick<Incoming, "arrivedAt" | "onDisconnect">,
  respond: (reply: InvocationReply) => void,
): void => {
  const { arrivedAt } = incoming;
  const { method, invocationId, attempt, timeoutMs, idempotencyKey } = head;
  let stopListening: (() => void) | undefined;
  let ended = false;
  const serving = dispatcher.serve(
    { method, invocationId, attempt, timeoutMs, idempotencyKey, carrier: head, body, arrivedAt, clockOffsetMs },
    (reply) => {
      ended = true;
      stopListening?.();
      permit.release();
      respond(reply ?? errorReply(arrivedAt, interruptedError(permit, runnerId, method)));
    },
  );
  if (ended) return;
  const cancel = (): void => void Effect.runFork(serving.abort());
  permit.onCancel = cancel;
  if (permit.canceled) cancel();
  else stopListening = incoming.onDisconnect(head.detached === true ? ignore : cancel);
};

/** Runs a call that arrived on a link. The link has verified it. */
const handleLinkCall = (stages: Stages, call: LinkInvocation, onError: (error: unknown) => void): void => {
  const { admission } = stages;
  const permit = admission.admit();
  if (!(permit instanceof Permit)) return call.respond(errorReply(call.arrivedAt, permit, admission.draining));
  try {
    runAdmitted(stages, call, permit, call, (reply) => call.respond(reply));
  } catch (thrown) {
    permit.release();
    onError(thrown);
    call.respond(errorReply(call.arrivedAt, internalError));
  }
};

/** Reports a request that was not verified, and answers it. */
const rejectRequest = ({ rejections, runnerId }: Stages, rejected: Rejected, incoming: Incoming): Answer => {
  rejections.report(rejected, incoming);
  const { signer, status, error, instance } = rejected;
  return signer === undefined
    ? lastOnConnection(unsignedError(status, error))
    : signedError(signer.head, signer.key, runnerId, incoming.arrivedAt, error, false, instance);
};

/** The path of a request, from its arrival to its response. */
const handleInvocation = async (stages: Stages, request: IncomingRequest): Promise<Response> => {
  const { admission, runnerId } = stages;
  const incoming = fromRequest(request, stages.unverified);
  const verified = await stages.verify(incoming);
  if (verified._tag === "Rejected") return toResponse(rejectRequest(stages, verified, incoming));

  const { head, key, heartbeat } = verified;
  if (!verified.asksForInstance) {
    stages.rejections.accepted();
    stages.lifecycle.onHeartbeat();
  }
  if (heartbeat !== undefined) {
    return toResponse(signedHeartbeatAck(head, key, runnerId, incoming.arrivedAt, heartbeat));
  }

  const permit = admission.admit();
  let answer: Answer;
  if (permit instanceof Permit) {
    try {
      answer = await new Promise<Answer>((resolve) =>
        runAdmitted(stages, verified, permit, incoming, (reply) => resolve(signedReply(head, key, runnerId, reply))),
      );
    } catch (thrown) {
      permit.release();
      throw thrown;
    }
  } else {
    answer = signedError(head, key, runnerId, incoming.arrivedAt, permit, admission.draining);
  }
  return toResponse(admission.draining ? lastOnConnection(answer) : answer);
};

/** The routes. Each one handles every method, so that a wrong method and a wrong path get different responses. */
const makeApp = (
  Elysia: typeof ElysiaClass,
  invokePath: string,
  linkPath: string,
  invoke: (route: { readonly request: Request }) => Promise<Response>,
  health: HealthEndpoints,
  onError: (error: unknown) => void,
) => {
  const raw = { parse: "none" } as const;
  const wrongMethod = (allow: string) => (): Response => toResponse(methodNotAllowed(allow));
  return new Elysia({ handler: { standardHostname: false } })
    .onError(({ error }) => {
      onError(error);
      return toResponse(
        lastOnConnection(json(500, { error: "Internal error in the runner's server; see the runner's log." })),
      );
    })
    .post(invokePath, invoke, raw)
    .all(invokePath, wrongMethod("POST"), raw)
    .all(linkPath, () => toResponse(upgradeRequired()), raw)
    .get("/health", () => toResponse(health.health()))
    .all("/health", wrongMethod("GET, HEAD"), raw)
    .get("/ready", () => toResponse(health.ready()))
    .all("/ready", wrongMethod("GET, HEAD"), raw)
    .get("/metrics", async () => toResponse(await health.metrics()))
    .all("/metrics", wrongMethod("GET, HEAD"), raw)
    .all("/*", () => toResponse(health.notFound()), raw);
};

const usesIsolation = (registry: RunnerServerDeps["registry"]): boolean =>
  registry
    .services()
    .some(({ methods }) => [...methods.values()].some(({ options }) => (options.isolation ?? "none") !== "none"));

/**
 * Starts the server of a runner. Returns at once with a known `port` and `url`, also for port 0.
 *
 * @throws {ConfigError} for an invalid option. A port that cannot be opened rejects `ready` instead.
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
  const isolated = makeIsolateRunner({
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
  if (usesIsolation(registry)) isolated.check();
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
  const rejections = makeRejectionLog(options, deps);
  const onError = (error: unknown): void =>
    logger.error("Internal error in the runner's server while handling a request.", exceptionMeta(error, redact));
  const links = makeLinkServer({
    keyring,
    invokePath: options.invokePath,
    runnerId,
    checkAudience: options.checkAudience,
    freshness,
    maxBodyBytes,
    invoke: (call) => handleLinkCall(stages, call, onError),
    rejected: rejections.report,
    heard: () => {
      rejections.accepted();
      lifecycle.onHeartbeat();
    },
  });
  const health = makeHealthEndpoints({ runnerId, admission, metrics: deps.metrics });
  const app = loadElysia().then((Elysia) =>
    makeApp(
      Elysia,
      options.invokePath,
      links.path,
      ({ request }) => handleInvocation(stages, request),
      health,
      onError,
    ),
  );
  const listener = listen(
    app.then(({ fetch }) => fetch),
    {
      port: options.port,
      hostname: options.hostname,
      unverified,
      links,
      onError: (error) => logger.error(`Socket error on runner ${runnerId}.`, exceptionMeta(error, redact)),
    },
  );

  const hooks = new LifecycleHooks({ hooks: options, runnerId, poolName, isolation: "none", logger });
  const lifecycle = startLifecycle({
    options,
    admission,
    listener,
    isolated,
    hooks,
    rejections,
    telemetry,
    logger,
    env: deps.env,
    loading: deps.loading,
  });
  const stages: Stages = { unverified, verify, admission, dispatcher, runnerId, rejections, lifecycle };
  const { port, hostname, url } = listener;
  return { port, hostname, url, runnerId, ready: lifecycle.ready, stop: lifecycle.stop };
};
