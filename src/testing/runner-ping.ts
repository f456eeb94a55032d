/** Asks a runner, as a parent would, whether it takes work and whether it is the one that was spawned. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { RunnerHandle } from "../contract/backend.ts";
import type { RequestHead } from "../contract/envelope.ts";
import { httpStatus } from "../contract/envelope.ts";
import { newNonce, readResponseHead, requestHeaders } from "../contract/headers.ts";
import type { SigningKey } from "../contract/signature.ts";
import { signRequest, verifyResponse } from "../contract/signature.ts";

const askTimeoutMs = 5_000;

const ask = (url: string, init?: RequestInit): Promise<Response> =>
  fetch(url, { ...init, signal: AbortSignal.timeout(askTimeoutMs) });

/** The status of the runner's `/ready`; `undefined` when nobody answers. */
export const readyStatus = async ({ url }: RunnerHandle): Promise<number | undefined> => {
  try {
    const response = await ask(new URL("/ready", url).href);
    await response.body?.cancel();
    return response.status;
  } catch {
    return undefined;
  }
};

/** No runner has a method of this name, so that asking for it executes nothing. */
const unknownMethod = "firelight.conformance/ping";

/**
 * Sends a signed request for a method that does not exist. A runner with the right id and secret refuses it in a
 * signed answer; any other one cannot.
 */
export const assertIdentity = async (runner: RunnerHandle, key: SigningKey, invokePath: string): Promise<void> => {
  const head: RequestHead = {
    method: unknownMethod,
    invocationId: randomUUID(),
    attempt: 1,
    audience: runner.id,
    keyId: key.id,
    createdMs: Date.now(),
    nonce: newNonce(),
    timeoutMs: askTimeoutMs,
  };
  const body = new TextEncoder().encode("[]");
  const response = await ask(new URL(invokePath, runner.url).href, {
    method: "POST",
    headers: { ...requestHeaders(head, signRequest(head, body, key)), "content-type": "application/json" },
    body,
  });
  const answer = new Uint8Array(await response.arrayBuffer());
  const read = readResponseHead((name) => response.headers.get(name), response.status, head);
  if ("malformed" in read) {
    assert.fail(
      `${runner.url} answered ${response.status} without a runner's signature (${read.malformed}): ${new TextDecoder().decode(answer)}. ` +
        "The runner must get all of the request's env, and its handle must have the id of FLAME_RUNNER_ID.",
    );
  }
  assert.ok(
    verifyResponse(read.head, answer, read.signature, key),
    "The runner signs with another secret than the one in the request's env.",
  );
  assert.equal(read.head.runnerId, runner.id, "The runner has another id than its handle.");
  assert.equal(
    response.status,
    httpStatus.registry_error,
    `The runner refuses what a parent sends: ${new TextDecoder().decode(answer)}`,
  );
};
