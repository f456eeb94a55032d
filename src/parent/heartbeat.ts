/** Tells runners that this parent lives, so that those of a dead one know that they are orphans. */
import { randomUUID } from "node:crypto";
import { newNonce } from "../contract/wire/headers.ts";
import { HEARTBEAT_METHOD } from "../contract/wire/heartbeat.ts";
import type { HeartbeatRefusal } from "./pool/runners/heartbeat-answers.ts";
import type { LeasedRunner } from "./pool/lease.ts";
import { RunnerExchange, type RunnerExchangeDeps } from "./runner-exchange.ts";

/** Milliseconds that a heartbeat may take; the next one is on its way soon. */
const timeoutMs = 5_000;
const noArguments = new TextEncoder().encode('{"json":[]}');

/**
 * Makes what sends one heartbeat, and hears whether it was accepted. One that is not answered is not told of: whether
 * runners answer is asked elsewhere.
 */
export const makeHeartbeat =
  (deps: RunnerExchangeDeps) =>
  (
    runner: Pick<LeasedRunner, "id" | "url" | "audience" | "instances">,
    answered: (refusal: HeartbeatRefusal | undefined) => void,
  ): void => {
    const exchange = new RunnerExchange(deps, {
      runner,
      body: noArguments,
      head: (audience, createdMs) => ({
        method: HEARTBEAT_METHOD,
        invocationId: randomUUID(),
        attempt: 1,
        audience,
        keyId: deps.keyring.signing.id,
        createdMs,
        nonce: newNonce(),
        timeoutMs,
      }),
      context: () => ({ runnerId: runner.id }),
      answered: (outcome) => {
        clearTimeout(timer);
        if ("failure" in outcome) return;
        const { result } = outcome.reply;
        if (!(result instanceof Promise)) answered("error" in result ? result.error : undefined);
      },
    });
    const timer = setTimeout(() => exchange.abort(), timeoutMs).unref();
    exchange.send();
  };
