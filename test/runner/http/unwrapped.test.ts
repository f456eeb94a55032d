/** Simulated agents that instrument HTTP servers: they see the requests of a user's server, but not a runner's. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { createServer, Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { HEARTBEAT_METHOD } from "../../../src/contract/wire/heartbeat.ts";
import { send, sign, startRunner } from "../runner-client.ts";

/** Sends a runner one request of every kind. */
const askAll = async (runner: Awaited<ReturnType<typeof startRunner>>): Promise<ReadonlyArray<number>> => {
  const invoked = await send(runner, sign("test/hello", []));
  const heard = await send(runner, sign(HEARTBEAT_METHOD, []));
  const others = await Promise.all(["/ready", "/health", "/nowhere"].map((path) => fetch(runner.server.url + path)));
  return [invoked.status, heard.status, ...others.map(({ status }) => status)];
};

const start = () => startRunner({ handlers: { hello: () => "hi" } });

test.skipIf("Bun" in globalThis)(
  "agents that wrap emit, on the prototype or on the server, do not see a runner's requests",
  async () => {
    const seen: Array<string> = [];
    const wrap = (emit: (...args: Array<any>) => boolean) =>
      function (this: unknown, ...args: Array<any>): boolean {
        if (args[0] === "request") seen.push(String(args[1].url));
        return Reflect.apply(emit, this, args);
      };
    const { emit } = Server.prototype;
    Server.prototype.emit = wrap(emit);
    const onStart = (message: unknown): void => {
      const { server } = message as { server: { emit: typeof emit } };
      server.emit = wrap(server.emit);
    };
    subscribe("http.server.request.start", onStart);
    onTestFinished(() => {
      unsubscribe("http.server.request.start", onStart);
      Reflect.deleteProperty(Server.prototype, "emit");
    });

    const users = createServer((_request, response) => response.end()).listen(0, "127.0.0.1");
    onTestFinished(() => void users.close());
    const runner = await start();
    expect(await askAll(runner)).toEqual([200, 200, 200, 200, 404]);
    await fetch(`http://127.0.0.1:${(users.address() as AddressInfo).port}/users`, {
      headers: { connection: "close" },
    });
    expect([...new Set(seen)]).toEqual(["/users"]);
  },
);

test.runIf("Bun" in globalThis)(
  "agents that wrap the handlers passed to Bun.serve do not see a runner's requests",
  async () => {
    const { Bun } = globalThis as unknown as {
      Bun: { serve: (options: { fetch: (...args: Array<any>) => any }) => unknown };
    };
    const seen: Array<string> = [];
    const { serve } = Bun;
    Bun.serve = (options) => {
      const { fetch: handler } = options;
      options.fetch = function (this: unknown, ...args) {
        seen.push(String(args[0].url));
        return Reflect.apply(handler, this, args);
      };
      return serve(options);
    };
    onTestFinished(() => void (Bun.serve = serve));
    expect(await askAll(await start())).toEqual([200, 200, 200, 200, 404]);
    expect(seen).toEqual([]);
  },
);
