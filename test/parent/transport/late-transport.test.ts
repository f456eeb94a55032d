/** A transport that is loaded on its first request. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { HttpOutcome, HttpRequest, HttpTransport } from "../../../src/parent/transport/transport.ts";
import { plainConnection } from "../../../src/contract/config/resolve-connection.ts";
import { makeTransport } from "../../../src/parent/transport/make-transport.ts";
import { lateTransport } from "../../../src/parent/transport/late-transport.ts";

const stops: Array<() => void> = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

const server = async (): Promise<{ readonly url: string; readonly asked: () => number }> => {
  let asked = 0;
  const listening = createServer((_request, response) => {
    asked += 1;
    response.end("pong");
  });
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  stops.push(() => {
    listening.closeAllConnections();
    listening.close();
  });
  return { url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}`, asked: () => asked };
};

const requestTo = (url: string): HttpRequest => ({
  url,
  path: "/",
  headers: {},
  body: new Uint8Array(1),
  maxResponseBytes: 100,
});

const statusOf = (outcome: HttpOutcome): number | undefined =>
  "response" in outcome ? outcome.response.status : undefined;

describe("lateTransport", () => {
  test("loads the transport once, on the first request, and then sends the requests that waited", async () => {
    const { url } = await server();
    let loads = 0;
    const transport = lateTransport(async () => {
      loads += 1;
      return makeTransport(plainConnection);
    });
    expect(loads).toBe(0);
    const send = (): Promise<HttpOutcome> => new Promise((done) => void transport.send(requestTo(url), done));
    const outcomes = await Promise.all([send(), send()]);
    expect([...outcomes, await send()].map(statusOf)).toEqual([200, 200, 200]);
    expect(loads).toBe(1);
    await transport.close();
  });

  test("does not send a request that was aborted during the load", async () => {
    const { url, asked } = await server();
    const loading = Promise.withResolvers<HttpTransport>();
    const transport = lateTransport(() => loading.promise);
    const exchange = transport.send(requestTo(url), () => expect.unreachable("an aborted request has no outcome"));
    exchange.abort();
    expect(exchange.sent).toBe(false);
    loading.resolve(makeTransport(plainConnection));
    await new Promise<HttpOutcome>((done) => void transport.send(requestTo(url), done));
    expect(asked()).toBe(1);
    await transport.close();
  });

  test("fails the request as unsent when the load fails, and loads again on the next request", async () => {
    const { url } = await server();
    let loads = 0;
    const transport = lateTransport(async () => {
      if (++loads === 1) throw new Error("no such package");
      return makeTransport(plainConnection);
    });
    const send = (): Promise<HttpOutcome> => new Promise((done) => void transport.send(requestTo(url), done));
    expect(await send()).toMatchObject({ failure: { sent: false, cause: { message: "no such package" } } });
    expect(statusOf(await send())).toBe(200);
    await transport.close();
  });
});
