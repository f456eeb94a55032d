/** The transport is invisible to agents that subscribe to undici, and its connections keep no async context. */
import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { createServer } from "node:http";
import { type AddressInfo, Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import type { HttpOutcome, HttpTransport } from "../../../src/parent/transport/transport.ts";
import { plainConnection } from "../../../src/contract/config/resolve-connection.ts";
import { makeTransport as makeRunnerTransport } from "../../../src/parent/transport/make-transport.ts";
import { waitFor } from "../../harness/wait-for.ts";

const names = ["create", "bodySent", "headers", "trailers", "error"].map((event) => `undici:request:${event}`);

/** The events that an agent receives, as event name and path. */
const listen = (): ReadonlyArray<string> => {
  const seen: Array<string> = [];
  const hear = (message: unknown, name: string | symbol): void =>
    void seen.push(`${String(name)} ${(message as { request: { path: string } }).request.path}`);
  for (const name of names) subscribe(name, hear);
  onTestFinished(() => {
    for (const name of names) unsubscribe(name, hear);
  });
  return seen;
};

const serve = async () => {
  const server = createServer((request, response) => {
    if (request.url === "/slow") return;
    if (request.url === "/cut") request.socket.resetAndDestroy();
    else response.end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

const makeTransport = (): HttpTransport => {
  const transport = makeRunnerTransport(plainConnection);
  onTestFinished(() => transport.close());
  return transport;
};

const asking = (url: string, path: string) => ({
  url,
  path,
  headers: {},
  body: Buffer.from("{}"),
  maxResponseBytes: 100,
});

const send = (transport: HttpTransport, url: string, path: string): Promise<HttpOutcome> =>
  new Promise((resolve) => void transport.send(asking(url, path), resolve));

test.skipIf("Bun" in globalThis)(
  "agents see no event of the transport's requests, and every request of users",
  async () => {
    const seen = listen();
    const url = await serve();
    const transport = makeTransport();
    expect(await send(transport, url, "/ok")).toMatchObject({ response: { status: 200 } });
    expect(await send(transport, url, "/cut")).toMatchObject({ failure: { sent: true } });
    expect(await send(transport, "http://127.0.0.1:9", "/nobody")).toMatchObject({ failure: { sent: false } });
    const aborted = transport.send(asking(url, "/slow"), () => {});
    await waitFor(() => aborted.sent, { what: "the slow request to be sent" });
    aborted.abort();
    const forgotten = transport.send(asking(url, "/slow"), () => {});
    await waitFor(() => forgotten.sent, { what: "the other slow request to be sent" });
    transport.forget(url);
    await fetch(`${url}/users`);
    expect(seen.filter((event) => !event.endsWith("/users"))).toEqual([]);
    expect(seen).toContain("undici:request:create /users");
    expect(seen).toContain("undici:request:trailers /users");
  },
);

test.skipIf("Bun" in globalThis)(
  "connections keep no caller's async context, and agents see requests made in the outcome callback",
  async () => {
    const own = new AsyncLocalStorage<string>();
    const contexts: Array<string | undefined> = [];
    const { connect } = Socket.prototype;
    Socket.prototype.connect = function (this: Socket, ...args: Array<never>) {
      contexts.push(own.getStore());
      return Reflect.apply(connect, this, args) as Socket;
    };
    onTestFinished(() => void (Socket.prototype.connect = connect));
    const url = await serve();
    const transport = makeTransport();
    const seen = listen();
    const inDone = await own.run(
      "a caller's",
      () =>
        new Promise<string | undefined>((resolve, reject) => {
          transport.send(asking(url, "/ok"), () => {
            const store = own.getStore();
            fetch(`${url}/from-there`).then(() => resolve(store), reject);
          });
        }),
    );
    expect(contexts[0]).toBeUndefined();
    expect(inDone).toBeUndefined();
    expect(seen).toContain("undici:request:create /from-there");
  },
);
