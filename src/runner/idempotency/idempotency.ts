/**
 * Runs requests with the same idempotency key once. The first one asks the store and runs; requests that fromRequest
 * meanwhile wait for it, and later ones receive the stored result. Other arguments under the same key are a conflict.
 */
import { createHash } from "node:crypto";
import * as Effect from "effect/Effect";
import type { CallError } from "../../contract/errors.ts";
import type { IdempotencyStore, ResolvedIdempotency } from "../../contract/config/idempotency.ts";
import { newNonce } from "../../contract/wire/nonce.ts";
import type { Logger } from "../../contract/config/options.ts";
import type { Redactor } from "../../telemetry/redaction.ts";
import { conflictError } from "./errors.ts";
import { InFlightExecution, type InFlightOptions, type KeyedRequest } from "./in-flight.ts";
import { makeMemoryStore } from "./memory.ts";
import { makeStoreCalls } from "./store-calls.ts";

/** Runs a request with a key, or gives it the outcome of an earlier request with the same key. */
export type IdempotencyGuard = (request: KeyedRequest) => Effect.Effect<Uint8Array, CallError>;

export interface IdempotencyGuardOptions {
  readonly idempotency: ResolvedIdempotency;
  readonly logger: Logger;
  /** Removes secrets from what stores threw. */
  readonly redact: Redactor;
  readonly runnerId: string;
  /** Stores the messages of failed handlers. */
  readonly exposeErrors: boolean;
}

const fingerprintOf = (body: Uint8Array): string => createHash("sha256").update(body).digest("base64url");

const memoryStore = ({ idempotency, logger, runnerId }: IdempotencyGuardOptions): IdempotencyStore => {
  const { maxEntries, maxBytes, ttlMs } = idempotency;
  let logged = false;
  const onEvicted = (): void => {
    if (logged) return;
    logged = true;
    logger.warn(
      `Runner ${runnerId} evicts results of idempotency keys before their ttlMs of ${ttlMs} ms: the limit of ${maxEntries} results or ${maxBytes} bytes is reached. A request with an evicted key runs again. Raise idempotency.maxEntries or idempotency.maxBytes, lower idempotency.ttlMs, or set idempotency.store.`,
    );
  };
  return makeMemoryStore({ maxEntries, maxBytes, onEvicted });
};

/** Makes the guard of one runner, or of local mode. */
export const makeIdempotencyGuard = (options: IdempotencyGuardOptions): IdempotencyGuard => {
  const { idempotency, logger, redact, runnerId, exposeErrors } = options;
  const { ttlMs, leaseMs, maxReplyBytes } = idempotency;
  const executions = new Map<string, InFlightExecution>();
  const store = makeStoreCalls({
    store: idempotency.store ?? memoryStore(options),
    ttlMs,
    leaseMs,
    logger,
    redact,
    runnerId,
  });
  const inFlightOptions: InFlightOptions = { store, runnerId, exposeErrors, maxReplyBytes };

  const start = (execution: InFlightExecution): void => {
    const { key } = execution.claim;
    executions.set(key, execution);
    void execution.run().then((outcome) => {
      executions.delete(key);
      execution.resolve(outcome);
    });
  };

  const guard: IdempotencyGuard = (request) =>
    Effect.withFiber((fiber) => {
      const { method, idempotencyKey, body } = request.invocation;
      const key = `${method} ${idempotencyKey}`;
      const fingerprint = fingerprintOf(body);
      const running = executions.get(key);
      if (running !== undefined && running.claim.fingerprint !== fingerprint) {
        request.decided("conflict");
        return Effect.fail(conflictError(method));
      }
      const execution =
        running ??
        new InFlightExecution(
          inFlightOptions,
          { key, fingerprint, owner: newNonce() },
          request,
          Effect.runForkWith(fiber.context),
        );
      return Effect.callback((resume) => {
        const leave = execution.attach(request, (result) => {
          if (result === "again") resume(guard(request));
          else resume("body" in result ? Effect.succeed(result.body) : Effect.fail(result.error));
        });
        if (execution !== running) start(execution);
        return Effect.sync(leave);
      });
    });
  return guard;
};
