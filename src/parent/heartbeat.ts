/** Tells runners that this parent lives, so that those of a dead one know that they are orphans. */
import { randomUUID } from "node:crypto";
import type { RequestHead } from "../contract/envelope.ts";
import { newNonce, requestHeaders } from "../contract/headers.ts";
import { HEARTBEAT_METHOD } from "../contract/heartbeat.ts";
import { signRequest } from "../contract/signature.ts";
import type { AttemptDeps } from "./attempt.ts";
import type { HeartbeatRefusal } from "./pool/heartbeat-answers.ts";
import type { LeasedRunner } from "./pool/lease.ts";
import { readReply } from "./reply.ts";

/** Milliseconds that a heartbeat may take; the next one is on its way soon. */
const timeoutMs = 5_000;
const mostAnswerBytes = 65_536;
const noArguments = new TextEncoder().encode('{"json":[]}');

/**
 * Makes what sends one heartbeat, and hears whether it was accepted. One that is not answered is not told of: whether
 * runners answer is asked elsewhere.
 */
export const makeHeartbeat =
  ({ config, transport, keyring, codec }: Pick<AttemptDeps, "config" | "transport" | "keyring" | "codec">) =>
  (
    { id, url, audience }: Pick<LeasedRunner, "id" | "url" | "audience">,
    answered: (refusal: HeartbeatRefusal | undefined) => void,
  ): void => {
    const head: RequestHead = {
      method: HEARTBEAT_METHOD,
      invocationId: randomUUID(),
      attempt: 1,
      audience,
      keyId: keyring.signing.id,
      createdMs: Date.now(),
      nonce: newNonce(),
      timeoutMs,
    };
    const headers = requestHeaders(head, signRequest(head, noArguments, keyring.signing));
    headers["content-type"] = "application/json";
    const exchange = transport.send(
      { url, path: config.invokePath, headers, body: noArguments, maxResponseBytes: mostAnswerBytes },
      (outcome) => {
        clearTimeout(timer);
        if ("failure" in outcome) return;
        const { response } = outcome;
        const { result } = readReply({
          request: head,
          response,
          url,
          keyring,
          codec,
          maxResultBytes: mostAnswerBytes,
          context: () => ({ runnerId: id }),
        });
        answered("error" in result ? result.error : undefined);
      },
    );
    const timer = setTimeout(() => exchange.abort(), timeoutMs).unref();
  };
