/**
 * Sees to it that requests with the same idempotency key run their method once. The
 * first asks the store and runs; those that come meanwhile wait for it, and those
 * that come later get what was kept. Other arguments under the same key are a
 * conflict.
 */
import { createHash } from "node:crypto";
import * as Effect from "effect/Effect";
import type { CallError } from "../../contract/errors.ts";
import type { IdempotencyStore, ResolvedIdempotency } from "../../contract/config/idempotency.ts";
import { newNonce } from "../../contract/wire/nonce.ts";
import type { Logger } from "../../contract/config/options.ts";
import type { Redactor } from "../../telemetry/redaction.ts";
import { conflictError } from "./errors.ts";
import { InFlightExecution, type FlightOptions, type KeyedRequest } from "./in-flight.ts";
import { makeMemoryStore } from "./memory.ts";
import { makeStoreCalls } from "./store-calls.ts";

/** Runs a request with a key, or gives it what another one with its key came to. */
export type IdempotencyGuard = (request: KeyedRequest) => Effect.Effect<Uint8Array, CallError>;

export interface IdempotencyGuardOptions {
  readonly idempotency: ResolvedIdempotency;
  readonly logger: Logger;
  /** Makes what stores threw safe to log. */
  readonly redact: Redactor;
  readonly runnerId: string;
  /** Whether what handlers said of their failures is kept with them. */
  readonly exposeErrors: boolean;
}

const fingerprintOf = (body: Uint8Array): string => createHash("sha256").update(body).digest("base64url");

const memoryStore = ({ idempotency, logger, runnerId }: IdempotencyGuardOptions): IdempotencyStore => {
  const { maxEntries, maxBytes, ttlMs } = idempotency;
  let told = false;
  const onForgotten = (): void => {
    if (told) return;
    told = true;
    logger.warn(
      `Runner ${runnerId} has no room for more results of idempotency keys (${maxEntries} results, ${maxBytes} bytes) and forgets the oldest before its ${ttlMs} ms are over: its key could run again. Raise idempotency.maxEntries or maxBytes, lower ttlMs, or use a store.`,
    );
  };
  return makeMemoryStore({ maxEntries, maxBytes, onForgotten });
};

/** Makes the guard of one runner, or of local mode. */
export const makeIdempotencyGuard = (options: IdempotencyGuardOptions): IdempotencyGuard => {
  const { idempotency, logger, redact, runnerId, exposeErrors } = options;
  const { ttlMs, leaseMs, maxReplyBytes } = idempotency;
  const flights = new Map<string, InFlightExecution>();
  const store = makeStoreCalls({
    store: idempotency.store ?? memoryStore(options),
    ttlMs,
    leaseMs,
    logger,
    redact,
    runnerId,
  });
  const flightOptions: FlightOptions = { store, runnerId, exposeErrors, maxReplyBytes };

  const launch = (flight: InFlightExecution): void => {
    const { key } = flight.claim;
    flights.set(key, flight);
    void flight.fly().then((landing) => {
      flights.delete(key);
      flight.land(landing);
    });
  };

  const guard: IdempotencyGuard = (request) =>
    Effect.withFiber((fiber) => {
      const { method, idempotencyKey, body } = request.invocation;
      const key = `${method} ${idempotencyKey}`;
      const fingerprint = fingerprintOf(body);
      const running = flights.get(key);
      if (running !== undefined && running.claim.fingerprint !== fingerprint) {
        request.decided("conflict");
        return Effect.fail(conflictError(method));
      }
      const flight =
        running ??
        new InFlightExecution(
          flightOptions,
          { key, fingerprint, owner: newNonce() },
          request,
          Effect.runForkWith(fiber.context),
        );
      return Effect.callback((resume) => {
        const leave = flight.attach(request, (result) => {
          if (result === "again") resume(guard(request));
          else resume("body" in result ? Effect.succeed(result.body) : Effect.fail(result.error));
        });
        if (flight !== running) launch(flight);
        return Effect.sync(leave);
      });
    });
  return guard;
};
