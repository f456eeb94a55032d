import { createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { resolveConfig } from "../../src/contract/config/resolve-config.ts";
import { ConfigError } from "../../src/contract/errors.ts";
import { createRegistry } from "../../src/contract/api/registry.ts";
import type { RunnerServerOptions } from "../../src/runner/options.ts";
import { createRunnerServer, type RunnerServer } from "../../src/runner/server.ts";
import { noTelemetry } from "../../src/telemetry/telemetry.ts";
import { errorOf, key, send, sendRaw, sign, startRunner } from "./runner-client.ts";

const silent = { info: () => {}, warn: () => {}, error: () => {} };

const create = (options: RunnerServerOptions, env: Record<string, string> = {}): RunnerServer => {
  const config = resolveConfig({ security: { secret: key.secret } }, {});
  const server = createRunnerServer(
    { config, registry: createRegistry(), telemetry: noTelemetry, logger: silent, env },
    options,
  );
  onTestFinished(() => server.stop());
  return server;
};

describe("a runner server", () => {
  test.each([{ port: 0, hostname: "127.0.0.1" }, { port: 0 }])(
    "has its port and URL immediately with %j",
    async (options) => {
      const server = create(options);
      expect(server.port).toBeGreaterThan(0);
      expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
      await server.ready;
      expect((await fetch(`${server.url}/health`)).status).toBe(200);
    },
  );

  test("listens only on the configured host", async () => {
    const server = create({ port: 0, hostname: "127.0.0.1" });
    await server.ready;
    await expect(fetch(`http://127.0.0.2:${server.port}/health`)).rejects.toThrow();
  });

  test("reads its port, host and id from the environment", async () => {
    const server = create({}, { FLAME_PORT: "0", FLAME_HOST: "127.0.0.1", FLAME_RUNNER_ID: "runner-7" });
    await server.ready;
    expect(await (await fetch(`${server.url}/health`)).json()).toMatchObject({
      status: "ok",
      runnerId: "runner-7",
      uptimeMs: expect.any(Number),
    });
  });

  test("reports the hostname that it listens on", async () => {
    const named = create({ port: 0, hostname: "127.0.0.1" });
    expect(named.hostname).toBe("127.0.0.1");
    const open = create({ port: 0 });
    expect(open.hostname).toMatch(/^(::|0\.0\.0\.0)$/);
    await Promise.all([named.ready, open.ready]);
    const fromEnv = create({}, { FLAME_PORT: "0", FLAME_HOST: "127.0.0.1" });
    expect(fromEnv.hostname).toBe("127.0.0.1");
    await fromEnv.ready;
  });

  test("rejects ready with the port and the setting when the port is in use", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void other.close());
    await new Promise((resolve) => other.once("listening", resolve));
    const { port } = other.address() as { port: number };
    const server = create({ port, hostname: "127.0.0.1" });
    const error = await server.ready.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).message).toMatch(new RegExp(`port ${port} of 127.0.0.1 is in use.*FLAME_PORT`));
  });

  test.each([
    [{ port: 70_000 }, "port"],
    [{ invokePath: "/health" }, "invokePath"],
    [{ runnerId: "two words" }, "two words"],
    [{ drainTimeoutMs: -1 }, "drainTimeoutMs"],
  ])("rejects %j by name", (options, named) => {
    expect(() => create(options)).toThrow(named);
  });

  test("serves invocations on invokePath only", async () => {
    const runner = await startRunner({ handlers: { hello: () => "hi" }, options: { invokePath: "/rpc/v1" } });
    const request = sign("test/hello", []);
    const response = await fetch(`${runner.server.url}/rpc/v1`, {
      method: "POST",
      headers: request.headers,
      body: request.body as Uint8Array<ArrayBuffer>,
    });
    expect(response.status).toBe(200);
    expect((await send(runner, sign("test/hello", []))).status).toBe(404);
  });

  test("responds to unknown paths with 404 and to wrong methods with 405", async () => {
    const { server } = await startRunner();
    const at = async (method: string, path: string) => {
      const response = await fetch(server.url + path, { method });
      return [response.status, response.headers.get("allow"), response.headers.get("content-type")];
    };
    expect(await at("GET", "/nothing")).toEqual([404, null, "application/json"]);
    expect(await at("GET", "/invoke")).toEqual([405, "POST", "application/json"]);
    expect(await at("POST", "/health")).toEqual([405, "GET, HEAD", "application/json"]);
    expect(await at("HEAD", "/health")).toEqual([200, null, "application/json"]);
  });

  test("serves metrics with their content type, and responds with 404 and the option when they are off", async () => {
    const contentType = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    const on = await startRunner({ metrics: { text: () => Promise.resolve("# EOF\n"), contentType } });
    const response = await fetch(`${on.server.url}/metrics`);
    expect([response.status, response.headers.get("content-type"), await response.text()]).toEqual([
      200,
      contentType,
      "# EOF\n",
    ]);
    const off = await startRunner();
    const missing = await fetch(`${off.server.url}/metrics`);
    expect(missing.status).toBe(404);
    expect(await missing.text()).toContain("telemetry.metrics");
  });

  test("responds with 500 to /metrics, without the error, when reading the metrics fails", async () => {
    const runner = await startRunner({
      metrics: { text: () => Promise.reject(new Error("registry broke")), contentType: "text/plain" },
    });
    const response = await fetch(`${runner.server.url}/metrics`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("registry broke");
    expect(runner.logs).toContainEqual(expect.objectContaining({ level: "error" }));
  });
});

describe("hostile requests", () => {
  test.each(["x", "", "exa mple", "[::1", "evil.example:99999"])(
    "with the Host header %j do not change the route",
    async (host) => {
      const runner = await startRunner();
      const answer = await sendRaw(runner, `GET /health HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      expect(answer).toMatch(/^HTTP\/1.1 (200|400) /);
      if (host === "x") expect(answer).toMatch(/^HTTP\/1.1 200 /);
    },
  );

  test("with junk in any header get a 4xx response, and the runner keeps serving", async () => {
    const runner = await startRunner({ handlers: { hello: () => "hi" } });
    const junk = [
      "__proto__: {}",
      "constructor: x",
      "traceparent: junk",
      "tracestate: ,,,=",
      "baggage: \u0001",
      "x-flame-request: 1",
      "x-flame-request: 2",
      "x-flame-response: x",
      "x-flame-signature: v2=x",
    ];
    for (const line of junk) {
      const answer = await sendRaw(
        runner,
        `POST /invoke HTTP/1.1\r\nHost: a\r\n${line}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]`,
      );
      expect(answer, line).toMatch(/^HTTP\/1.1 4\d\d /);
    }
    expect((await send(runner, sign("test/hello", []))).status).toBe(200);
  });

  test("with a valid signature may have a junk traceparent and a __proto__ header", async () => {
    const runner = await startRunner({ handlers: { hello: () => "hi" } });
    const request = sign("test/hello", [], { traceparent: "junk", tracestate: "=", baggage: ",;=" });
    const lines = Object.entries({ ...request.headers }).map(([name, value]) => `${name}: ${value}\r\n`);
    const text = new TextDecoder().decode(request.body);
    const answer = await sendRaw(
      runner,
      `POST /invoke HTTP/1.1\r\nHost: a\r\n${lines.join("")}__proto__: x\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 200 /);
  });

  test("with headers over the size limit are rejected", async () => {
    const runner = await startRunner();
    const answer = await sendRaw(runner, `POST /invoke HTTP/1.1\r\nHost: a\r\nbaggage: ${"x".repeat(40_000)}\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 (4\d\d) /);
  });
});

describe("the error for an unknown method", () => {
  test("is a registry_error that suggests similar methods only when exposeErrors is true", async () => {
    const handlers = { hello: () => "hi" };
    const quiet = errorOf(await send(await startRunner({ handlers }), sign("test/hallo", [])));
    expect(quiet).toMatchObject({ code: "registry_error", executed: "no", retryable: false });
    expect(quiet.message).not.toContain("test/hello");
    const open = errorOf(
      await send(await startRunner({ handlers, options: { exposeErrors: true } }), sign("test/hallo", [])),
    );
    expect(open.message).toContain("test/hello");
  });
});
