/** Pings a runner, as a parent would, to check that it is ready and that it is the spawned one. */
import assert from "node:assert/strict";
import type { RunnerHandle } from "../contract/config/backend.ts";
import { wallClockMs } from "../contract/wire/clock.ts";
import { httpStatus } from "../contract/wire/envelope.ts";
import { plainConnection } from "../contract/config/resolve-connection.ts";
import { normalAddress } from "../contract/config/runner-url.ts";
import {
  forInstance,
  type Ping,
  type PingAnswer,
  type PingReading,
  readPing,
  signPing,
  signQuestion,
} from "../contract/wire/ping.ts";
import type { SigningKey } from "../contract/wire/signature.ts";
import { ask, type Question } from "../parent/transport/ask.ts";
import { makeTransport } from "../parent/transport/make-transport.ts";
import type { HttpResponse } from "../parent/transport/transport.ts";

const askTimeoutMs = 5_000;

const maxAnswerBytes = 16 * 1024 * 1024;

const askRunner = async (url: string, question: Pick<Question, "path"> & Partial<Question>): Promise<HttpResponse> => {
  const transport = makeTransport(plainConnection);
  try {
    return await ask(
      transport,
      { maxResponseBytes: maxAnswerBytes, ...question, url: normalAddress(url) },
      askTimeoutMs,
    );
  } finally {
    void transport.close();
  }
};

/** Returns the status of the runner's `/ready`; `undefined` without a response. */
export const readyStatus = async ({ url }: RunnerHandle): Promise<number | undefined> => {
  try {
    return (await askRunner(url, { path: "/ready" })).status;
  } catch {
    return undefined;
  }
};

/** No runner has this method, so calling it executes nothing. */
const unknownMethod = "firelight.conformance/ping";

/**
 * Sends a signed request for a method that does not exist. A runner with the right id and secret rejects it in a signed
 * response; no other process can.
 */
export const assertIdentity = async (runner: RunnerHandle, key: SigningKey, invokePath: string): Promise<void> => {
  const wish = { method: unknownMethod, audience: runner.id, timeoutMs: askTimeoutMs, createdMs: wallClockMs() };
  const send = async (ping: Ping): Promise<PingAnswer & { readonly reading: PingReading }> => {
    const { headers, body } = ping;
    const response = await askRunner(runner.url, { path: invokePath, method: "POST", headers, body });
    const answer = { status: response.status, header: (name: string) => response.header(name), body: response.body };
    return { ...answer, reading: readPing(ping, answer, key) };
  };
  const asked = await send(signQuestion(wish, key));
  const accepted = asked.reading._tag === "signed" && asked.status === 200;
  const { reading, status, body: answer } = accepted ? await send(signPing(forInstance(wish, asked), key)) : asked;
  if (reading._tag === "unsigned") {
    assert.fail(
      `${runner.url} responded ${status} without a runner's signature (${reading.malformed}): ${new TextDecoder().decode(answer)}. ` +
        "The runner must get the whole env of the request, and its handle must have the id in FLAME_RUNNER_ID.",
    );
  }
  assert.equal(reading._tag, "signed", "The runner signs with a different secret than the one in the request's env.");
  assert.equal(reading.head.runnerId, runner.id, "The runner's id differs from its handle's.");
  assert.equal(
    status,
    httpStatus.registry_error,
    `The runner rejects the parent's request: ${new TextDecoder().decode(answer)}`,
  );
};
