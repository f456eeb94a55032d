/** Tells runners that this parent lives, so that those of a dead one know that they are orphans. */
import { randomUUID } from "node:crypto";
import type { RequestHead } from "../contract/envelope.ts";
import { newNonce, requestHeaders } from "../contract/headers.ts";
import { HEARTBEAT_METHOD } from "../contract/heartbeat.ts";
import { signRequest } from "../contract/signature.ts";
import type { AttemptDeps } from "./attempt.ts";
import type { LeasedRunner } from "./pool/lease.ts";

/** Milliseconds that a heartbeat may take; the next one is on its way soon. */
const timeoutMs = 5_000;
const mostAnswerBytes = 65_536;
const noArguments = new TextEncoder().encode('{"json":[]}');

/** Makes what sends one heartbeat. What becomes of it is not looked at: whether runners answer is asked elsewhere. */
export const makeHeartbeat =
  ({ config, transport, keyring }: Pick<AttemptDeps, "config" | "transport" | "keyring">) =>
  ({ url, audience }: Pick<LeasedRunner, "url" | "audience">): void => {
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
      () => clearTimeout(timer),
    );
    const timer = setTimeout(() => exchange.abort(), timeoutMs).unref();
  };
