/** What a runner does with the frames of a parent, also with those that no parent of ours sends. */
import { expect, test } from "vitest";
import { frameType } from "../../../src/contract/wire/link/frame.ts";
import { waitFor } from "../../harness/wait-for.ts";
import { startRunner } from "../runner-client.ts";
import { openClient } from "./link-client.ts";

const { call, chunk, cancel, ping, pong, hello, answer, credit } = frameType;

const runnerWithCounter = async () => {
  const ran: Array<string> = [];
  const runner = await startRunner({
    handlers: {
      count: (ctx) => {
        ran.push(ctx.invocationId);
        return ran.length;
      },
    },
  });
  return { ...runner, port: runner.server.port, ran };
};

test("a call is answered on its link, and a PING with its body", async () => {
  const { port, ran } = await runnerWithCounter();
  const client = await openClient(port);
  client.send(ping, 0, "", "a ping");
  client.call(1, "test/count");
  expect(await client.answerTo(1)).toEqual({ status: 200, body: { json: 1 } });
  expect(ran).toEqual(["inv-1"]);
  await waitFor(() => client.frames.some(({ type, body }) => type === pong && body.toString() === "a ping"), {
    what: "PONG",
  });
});

test("a call that the runner cannot accept fails alone", async () => {
  const { port, ran, events } = await runnerWithCounter();
  const client = await openClient(port);
  client.send(call, 1, "80:no head\n-\n-\n-\n-\n2:", "[]");
  expect(await client.answerTo(1)).toMatchObject({ status: 401, body: { code: "signature_error", executed: "no" } });
  client.call(2, "test/count", { audience: "another" });
  expect(await client.answerTo(2)).toMatchObject({ status: 401, body: { code: "signature_error", executed: "no" } });
  client.call(3, "test/count", { keyId: "another" });
  expect(await client.answerTo(3)).toMatchObject({ status: 401, body: { code: "signature_error", executed: "no" } });
  client.call(4, "test/count", {}, "", 11 * 1024 * 1024);
  expect(await client.answerTo(4)).toMatchObject({ status: 413, body: { code: "payload_too_large", executed: "no" } });
  client.send(chunk, 4, "", "too late, and ignored");
  client.call(5, "test/missing");
  expect(await client.answerTo(5)).toMatchObject({ status: 404, body: { code: "registry_error" } });
  expect(ran).toEqual([]);
  client.call(6, "test/count");
  expect(await client.answerTo(6)).toMatchObject({ status: 200 });
  expect(events.filter(({ _tag }) => _tag === "SignatureRejected")).toHaveLength(1);
});

test("arguments arrive in chunks, and a call that is canceled before their end does not run", async () => {
  const { port, ran } = await runnerWithCounter();
  const client = await openClient(port);
  client.call(1, "test/count", {}, '{"js', 11);
  client.call(2, "test/count", {}, '{"js', 11);
  client.send(cancel, 1);
  expect(await client.answerTo(1)).toMatchObject({ status: 499, body: { code: "canceled", executed: "no" } });
  client.send(chunk, 1, "", 'on":[]}');
  client.send(chunk, 2, "", 'on":[');
  client.send(chunk, 2, "", "]}");
  expect(await client.answerTo(2)).toMatchObject({ status: 200 });
  expect(ran).toEqual(["inv-2"]);
});

test.each<[string, (client: Awaited<ReturnType<typeof openClient>>) => void]>([
  ["a call id that was used before", (client) => client.call(1, "test/count")],
  ["a lower call id", (client) => client.call(0, "test/count")],
  ["more arguments than its CALL says", (client) => client.call(2, "test/count", {}, '{"json":[]}', 5)],
  ["a CHUNK of no call", (client) => client.send(chunk, 9, "", "x")],
  ["a CANCEL of no call", (client) => client.send(cancel, 9)],
  ["an ANSWER", (client) => client.send(answer, 1, "200 ", "")],
  ["a second HELLO", (client) => client.send(hello, 0)],
  ["a CREDIT of the wrong size", (client) => client.send(credit, 0, "", "x")],
  ["a PING that is too large", (client) => client.send(ping, 0, "", "x".repeat(65))],
  ["a frame of an unknown type", (client) => client.send(99 as never, 0)],
])("%s ends the link", async (_, attack) => {
  const { port, ran } = await runnerWithCounter();
  const client = await openClient(port);
  client.call(1, "test/count");
  await client.answerTo(1);
  attack(client);
  expect(await client.waitUntilClosed()).toBe(4400);
  expect(ran).toEqual(["inv-1"]);
});

test("without the secret, nothing runs and the reason does not say what was wrong", async () => {
  const { port, ran, events } = await runnerWithCounter();
  const client = await openClient(port, "another secret");
  client.call(1, "test/count");
  expect(await client.waitUntilClosed()).toBe(4401);
  expect(ran).toEqual([]);
  expect(events.filter(({ _tag }) => _tag === "SignatureRejected")).toHaveLength(1);
});
