/** Connections to runners: below a path prefix, over TLS, through proxies, and what a call reports when its connection fails. */
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { checkRunner } from "../../src/cli/doctor/check-runner.ts";
import { resolveConnection } from "../../src/contract/config/resolve-connection.ts";
import { type Backend, createFlame, type FlameConfig, type PoolConfig, type RunnerServer } from "../../src/index.ts";
import { pemOf } from "../harness/certificates.ts";
import { runtimes } from "../harness/runtimes.ts";
import { startProcess } from "../harness/start-process.ts";
import { waitFor } from "../harness/wait-for.ts";
import { startConnectProxy, startPathGateway, startTlsGateway } from "./gateways.ts";
import { failureOf, parentOf, secret, startStaticRunner } from "./static-runners.ts";

const echoRunner = async (id = "r1"): Promise<{ server: RunnerServer; calls: Array<string> }> => {
  const calls: Array<string> = [];
  const echo = async (text: string) => {
    calls.push(text);
    return text;
  };
  return { server: await startStaticRunner(id, { echo }), calls };
};

const echoOf = (
  runners: ReadonlyArray<{ id?: string; url: string }>,
  pool: PoolConfig = {},
  config: FlameConfig = {},
) => {
  const parent = parentOf(runners, pool, config);
  return { ...parent, echo: parent.flame.service("work", { echo: async (text: string) => text }).echo };
};

describe("a runner behind a gateway with a path prefix", () => {
  const prefix = "/runners/one";

  test("receives calls and health checks below that prefix", async () => {
    const { server } = await echoRunner();
    const gateway = await startPathGateway(prefix, server.port);
    const { echo } = echoOf([{ id: "r1", url: `${gateway.url}/` }], {
      transport: "http",
      healthCheckMs: 20,
      recycle: { maxRssBytes: 1e12 },
    });
    expect(await echo("a")).toBe("a");
    await waitFor(() => gateway.paths.includes(`${prefix}/ready`), { what: "a health check" });
    expect(await echo("b")).toBe("b");
    expect(new Set(gateway.paths)).toEqual(new Set([`${prefix}/invoke`, `${prefix}/ready`]));
  });

  test("receives heartbeats below that prefix when its URL comes from a backend", async () => {
    const gateways: Array<Awaited<ReturnType<typeof startPathGateway>>> = [];
    const servers = new Map<string, RunnerServer>();
    const backend: Backend = {
      spawn: async ({ runnerId }) => {
        const { server } = await echoRunner(runnerId);
        servers.set(runnerId, server);
        gateways.push(await startPathGateway(prefix, server.port));
        return { id: runnerId, url: `${gateways.at(-1)!.url}/` };
      },
      terminate: async ({ id, url }) => {
        expect(url.endsWith("/")).toBe(true);
        await servers.get(id)?.stop({ drainTimeoutMs: 0 });
      },
    };
    const flame = createFlame({
      mode: "parent",
      security: { secret },
      pools: {
        default: {
          transport: "http",
          backend,
          max: 1,
          orphanTimeoutMs: 150,
          healthCheckMs: 20,
          recycle: { maxRssBytes: 1e12 },
        },
      },
    });
    onTestFinished(() => flame.shutdown());
    const { echo } = flame.service("work", { echo: async (text: string) => text });
    expect(await echo("a")).toBe("a");
    const { paths } = gateways[0]!;
    await waitFor(() => paths.filter((path) => path.endsWith("/invoke")).length > 4, { what: "heartbeats" });
    await waitFor(() => paths.includes(`${prefix}/ready`), { what: "a health check" });
    expect(paths.every((path) => path.startsWith(prefix))).toBe(true);
    expect(gateways).toHaveLength(1);
  });

  test("is checked by doctor below that prefix", async () => {
    const { server } = await echoRunner();
    const gateway = await startPathGateway(prefix, server.port);
    const connection = resolveConnection("", {}, {}, false);
    const key = { id: "default", secret };
    const question = { url: gateway.url, audience: "r1", invokePath: "/invoke", key, windowMs: 60_000, connection };
    const findings = await checkRunner(question);
    expect(findings.filter(({ status }) => status === "failed")).toEqual([]);
    const asked = ["health", "ready", "invoke", "metrics"].map((path) => `${prefix}/${path}`);
    expect(new Set(gateway.paths)).toEqual(new Set(asked));
  });
});

describe("a backend that returns credentials", () => {
  test.each([
    ["in the url", { id: "r1", url: "http://me:hunter2@127.0.0.1:1" }],
    ["in the query of the url", { id: "r1", url: "http://127.0.0.1:1/?token=hunter2" }],
    ["in the id", { id: "http://me:hunter2@127.0.0.1:1", url: "http://127.0.0.1:1" }],
  ])(
    "%s fails the boot, is asked to terminate the runner, and no error, log or metric contains the credentials",
    async (_, handle) => {
      const ended: Array<unknown> = [];
      const backend: Backend = {
        spawn: async () => handle,
        terminate: async (runner) => void ended.push(runner),
      };
      const { echo, logs, flame } = echoOf([], { backend, runners: [], max: 1 });
      const error = await failureOf(echo.with({ timeoutMs: 2_000 })("a"));
      expect(error).toMatchObject({ executed: "no" });
      expect(inspect(error, { depth: 9 })).toMatch(/The backend of pool "default" returned a runner whose (url|id) is/);
      expect(ended[0]).toBe(handle);
      expect(inspect([error, logs], { depth: 9 }) + (await flame.metrics())).not.toContain("hunter2");
    },
  );
});

const ca = pemOf("authority");
const clientTls = { ca, cert: pemOf("client"), key: pemOf("client-key") };

describe("over TLS", () => {
  test.each([
    ["with the pool's CA", { tls: { ca } }, {}],
    ["with several CAs", { tls: { ca: [pemOf("other-authority"), Buffer.from(ca)] } }, {}],
    ["with the CA of the configuration", {}, { tls: { ca } }],
    ["with a client certificate", { tls: clientTls }, {}, true],
  ] as ReadonlyArray<[string, PoolConfig, FlameConfig, boolean?]>)(
    "%s, calls and health checks work",
    async (_, pool, config, mutual = false) => {
      const { server } = await echoRunner();
      const gateway = await startTlsGateway(server.port, { mutual });
      for (const url of [`https://127.0.0.1:${gateway.port}`, `https://localhost:${gateway.port}`]) {
        const { echo, flame } = echoOf(
          [{ id: "r1", url }],
          { healthCheckMs: 20, recycle: { maxRssBytes: 1e12 }, ...pool },
          config,
        );
        expect(await Promise.all(["a", "b", "c"].map((text) => echo(text)))).toEqual(["a", "b", "c"]);
        const before = gateway.bytes;
        await waitFor(() => gateway.bytes > before, { what: "a health check" });
        expect(await echo("d")).toBe("d");
        expect(flame.pools["default"]!.stats().runners.ejected).toBe(0);
      }
    },
  );

  test("tls.serverName accepts a certificate for a name other than the URL's host", async () => {
    const { server } = await echoRunner();
    const gateway = await startTlsGateway(server.port, { certificate: "elsewhere" });
    const runners = [{ id: "r1", url: `https://127.0.0.1:${gateway.port}` }];
    expect(await echoOf(runners, { tls: { ca, serverName: "elsewhere.test" } }).echo("a")).toBe("a");
    expect(await failureOf(echoOf(runners, { tls: { ca } }).echo("b"))).toMatchObject({
      code: "transport_error",
      executed: "no",
    });
  });

  const wrong = [
    ["a certificate of an unknown CA", { ca: pemOf("other-authority") }, {}],
    ["a certificate of a CA that the runtime does not trust", {}, {}],
    ["a certificate for another host", { ca }, { certificate: "elsewhere" }],
    ["a missing client certificate", { ca }, { mutual: true }],
    [
      "a client certificate of another CA",
      { ...clientTls, cert: pemOf("stranger"), key: pemOf("stranger-key") },
      { mutual: true },
    ],
    ["a missing client certificate over TLS 1.2", { ca }, { mutual: true, maxVersion: "TLSv1.2" }],
    [
      "a client certificate of another CA over TLS 1.2",
      { ...clientTls, cert: pemOf("stranger"), key: pemOf("stranger-key") },
      { mutual: true, maxVersion: "TLSv1.2" },
    ],
  ] satisfies ReadonlyArray<[string, PoolConfig["tls"] & object, Parameters<typeof startTlsGateway>[1]]>;

  test.each(wrong)("with %s, a call fails with transport_error and executed: no", async (_, tls, options) => {
    const { server, calls } = await echoRunner();
    const gateway = await startTlsGateway(server.port, options);
    const { echo } = echoOf([{ id: "r1", url: `https://127.0.0.1:${gateway.port}` }], { tls });
    for (const text of ["a", "b"]) {
      const error = await failureOf(echo.with({ timeoutMs: 5_000 })(text));
      expect(error).toMatchObject({ code: "transport_error", executed: "no", retryable: true });
      expect(error.message).toMatch(/cannot reach runner .+: .+ The handler did not run\./);
      expect(inspect(error, { depth: 9 })).not.toContain("PRIVATE KEY");
    }
    expect(calls).toEqual([]);
  });

  test.each(wrong)("with %s, a call fails over to another runner", async (_, tls, options) => {
    const bad = await echoRunner("bad");
    const good = await echoRunner("good");
    const gateway = await startTlsGateway(bad.server.port, options);
    const runners = [
      { id: "bad", url: `https://127.0.0.1:${gateway.port}` },
      { id: "good", url: good.server.url },
    ];
    const { echo } = echoOf(runners, { tls, maxConcurrency: 1, retryBudget: false });
    expect(await Promise.all([echo("a"), echo("b")])).toEqual(["a", "b"]);
    expect(bad.calls).toEqual([]);
    expect(good.calls.toSorted()).toEqual(["a", "b"]);
  });

  test("a call to a server without TLS fails with transport_error and executed: no", async () => {
    const { server } = await echoRunner();
    const { echo } = echoOf([{ id: "r1", url: server.url.replace("http:", "https:") }]);
    expect(await failureOf(echo("a"))).toMatchObject({ code: "transport_error", executed: "no" });
  });

  test("calls work through a gateway that closes its connection after each response", async () => {
    const { server } = await echoRunner();
    const path = await startPathGateway("/x", server.port);
    const gateway = await startTlsGateway(Number(new URL(path.url).port));
    const url = `https://127.0.0.1:${gateway.port}/x`;
    const { echo } = echoOf([{ id: "r1", url }], { transport: "http", tls: { ca } });
    expect(await echo("a")).toBe("a");
    expect(path.paths[0]).toBe("/x/ready");
    expect(new Set(path.paths.slice(1))).toEqual(new Set(["/x/invoke"]));
  });
});

describe("a proxy", () => {
  test("in the pool's options tunnels calls and health checks", async () => {
    const { server } = await echoRunner();
    const proxy = await startConnectProxy();
    const given = `http://me:hunter2@127.0.0.1:${proxy.port}`;
    const { echo, logs } = echoOf([{ id: "r1", url: `http://runner.test:${server.port}` }], {
      proxy: given,
      healthCheckMs: 20,
      recycle: { maxRssBytes: 1e12 },
    });
    expect(await Promise.all(["a", "b"].map((text) => echo(text)))).toEqual(["a", "b"]);
    expect(proxy.heads[0]).toMatch(new RegExp(`^CONNECT runner\\.test:${server.port} HTTP/1\\.1\\r\\n`));
    expect(proxy.heads[0]).toContain(`proxy-authorization: Basic ${Buffer.from("me:hunter2").toString("base64")}\r\n`);
    expect(proxy.heads.every((head) => head.startsWith("CONNECT "))).toBe(true);
    expect(inspect(logs, { depth: 9 })).not.toContain("hunter2");
  });

  test("tunnels TLS to the runner, with a client certificate", async () => {
    const { server } = await echoRunner();
    const gateway = await startTlsGateway(server.port, { mutual: true });
    const proxy = await startConnectProxy();
    const { echo } = echoOf(
      [{ id: "r1", url: `https://runner.test:${gateway.port}` }],
      { tls: clientTls },
      { proxy: `http://127.0.0.1:${proxy.port}` },
    );
    expect(await Promise.all(["a", "b", "c"].map((text) => echo(text)))).toEqual(["a", "b", "c"]);
    expect(proxy.heads[0]).toMatch(/^CONNECT runner\.test:/);
  });

  test.each([407, 502])(
    "that answers %s fails the call with executed: no and does not leak its password",
    async (status) => {
      const { server, calls } = await echoRunner();
      const proxy = await startConnectProxy(status);
      const { echo, logs } = echoOf([{ id: "r1", url: `http://runner.test:${server.port}` }], {
        proxy: `http://me:hunter2@127.0.0.1:${proxy.port}`,
      });
      const error = await failureOf(echo("a"));
      expect(error).toMatchObject({ code: "transport_error", executed: "no", retryable: true });
      expect(error.message).toContain(`the proxy 127.0.0.1:${proxy.port} answered ${status} to CONNECT`);
      expect(inspect([error, logs], { depth: 9 })).not.toMatch(/hunter2|bWU6aHVudGVyMg/);
      expect(calls).toEqual([]);
    },
  );

  const variables = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];

  test.each(["node", "bun"] as const)(
    "that is set only in the environment of %s receives no requests, nor does a replaced global fetch",
    async (runtime) => {
      const proxy = await startConnectProxy();
      const { server } = await echoRunner("fixed");
      const address = `http://127.0.0.1:${proxy.port}`;
      const program = fileURLToPath(new URL("./fixtures/proxied-parent.ts", import.meta.url));
      await using parent = await startProcess({
        command: [runtimes[runtime], program, server.url],
        env: {
          ...Object.fromEntries(variables.map((name) => [name, address])),
          NODE_USE_ENV_PROXY: "1",
          NO_PROXY: undefined,
          no_proxy: undefined,
          FLAME_SECRET: secret,
        },
      });
      await parent.waitForOutput(/all done: fixed started/);
      expect(parent.output()).not.toContain("fetch was called");
      expect(proxy.heads).toEqual([]);
    },
  );

  test('from the environment is used with proxy: "environment"', async () => {
    const { server } = await echoRunner();
    const proxy = await startConnectProxy();
    vi.stubEnv("HTTP_PROXY", `http://127.0.0.1:${proxy.port}`);
    for (const name of ["http_proxy", "no_proxy", "NO_PROXY"]) vi.stubEnv(name, undefined);
    onTestFinished(() => void vi.unstubAllEnvs());
    const config: FlameConfig = { proxy: "environment" };
    expect(await echoOf([{ id: "r1", url: server.url }], {}, config).echo("direct")).toBe("direct");
    expect(proxy.heads).toEqual([]);
    expect(await echoOf([{ id: "r1", url: `http://runner.test:${server.port}` }], {}, config).echo("a")).toBe("a");
    expect(proxy.heads.length).toBeGreaterThan(0);
    expect(proxy.heads.every((head) => head.startsWith("CONNECT runner.test:"))).toBe(true);
  });
});
