/** Sends heartbeats, from whose absence a runner learns that its parent is gone. On a link, they are PINGs. */
import { randomUUID } from "node:crypto";
import { newNonce } from "../contract/wire/headers.ts";
import { HEARTBEAT_METHOD } from "../contract/wire/heartbeat.ts";
import type { HeartbeatRefusal } from "./pool/runners/heartbeat-answers.ts";
import type { LeasedRunner } from "./pool/lease.ts";
import { RunnerExchange, type RunnerExchangeDeps } from "./runner-exchange.ts";

/** Maximum duration of a heartbeat, in milliseconds. The next one follows soon. */
const timeoutMs = 5_000;
const noArguments = new TextEncoder().encode('{"json":[]}');

/**
 * Makes a function that sends one heartbeat and reports whether the runner accepted it. An unanswered heartbeat is not
 * reported: health checks find out whether runners respond.
 */
export const makeHeartbeat =
  (deps: RunnerExchangeDeps) =>
  (
    runner: Pick<LeasedRunner, "id" | "url" | "audience" | "instances">,
    onAnswer: (refusal: HeartbeatRefusal | undefined) => void,
  ): void => {
    if (deps.links?.carries(runner) === true) return deps.links.heartbeat(runner, onAnswer);
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
      onOutcome: (outcome) => {
        clearTimeout(timer);
        if ("failure" in outcome) return;
        const { result } = outcome.response;
        if (!(result instanceof Promise)) onAnswer("error" in result ? result.error : undefined);
      },
    });
    const timer = setTimeout(() => exchange.abort(), timeoutMs).unref();
    exchange.send();
  };
