/** Tells runners that this parent lives, so that those of a dead one know that they are orphans. */
import { randomUUID } from "node:crypto";
import { newNonce } from "../contract/headers.ts";
import { HEARTBEAT_METHOD } from "../contract/heartbeat.ts";
import type { LeasedRunner } from "./pool/lease.ts";
import { RunnerExchange, type RunnerExchangeDeps } from "./runner-exchange.ts";

/** Milliseconds that a heartbeat may take; the next one is on its way soon. */
const timeoutMs = 5_000;
const noArguments = new TextEncoder().encode('{"json":[]}');

/** Makes what sends one heartbeat. What becomes of it is not looked at: whether runners answer is asked elsewhere. */
export const makeHeartbeat =
  (deps: RunnerExchangeDeps) =>
  (runner: Pick<LeasedRunner, "url" | "audience" | "instances">): void => {
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
      activate: (send) => send(),
      context: () => ({}),
      answered: () => clearTimeout(timer),
    });
    const timer = setTimeout(() => exchange.abort(), timeoutMs).unref();
    exchange.send();
  };
