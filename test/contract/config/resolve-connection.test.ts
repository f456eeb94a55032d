import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { ConfigError, createFlame } from "../../../src/index.ts";
import { resolveConnection } from "../../../src/contract/config/resolve-connection.ts";
import { pemOf } from "../../harness/certificates.ts";

const via = (
  env: Record<string, string>,
  url: string,
  options: { proxy?: string | false } = { proxy: "environment" },
) => resolveConnection("pools.p", options, env, false).proxyFor(new URL(url));

describe("the proxies from the environment", () => {
  const env = { HTTP_PROXY: "http://a.test:1", HTTPS_PROXY: "b.test:2" };

  test('are used only with proxy: "environment"', () => {
    for (const options of [{}, { proxy: false }] as const) {
      expect(via(env, "http://runner.test", options)).toBeUndefined();
      expect(via(env, "https://runner.test", options)).toBeUndefined();
    }
  });

  test("are chosen by the scheme of the URL", () => {
    expect(via(env, "http://runner.test")).toEqual({ hostname: "a.test", port: 1, authorization: undefined });
    expect(via(env, "https://runner.test")).toMatchObject({ hostname: "b.test", port: 2 });
    expect(via({ HTTP_PROXY: "http://a.test:1" }, "https://runner.test")).toBeUndefined();
  });

  test("may be lower-case variables, which take precedence", () => {
    expect(via({ http_proxy: "http://c.test" }, "http://runner.test")).toMatchObject({ hostname: "c.test", port: 80 });
    expect(via({ ...env, http_proxy: "http://c.test:3" }, "http://runner.test")).toMatchObject({ hostname: "c.test" });
  });

  test.each([
    "http://127.0.0.1:8080",
    "http://127.8.9.1",
    "http://localhost:1",
    "http://a.localhost",
    "http://[::1]:8080",
  ])("are never used for %s", (url) => {
    expect(via(env, url)).toBeUndefined();
  });

  test.each([
    ["runner.test", false],
    [".runner.test", false],
    ["*.runner.test", false],
    ["test", false],
    ["other.test, runner.test", false],
    ["*", false],
    ["runner.test:80", false],
    ["runner.test:81", true],
    ["unner.test", true],
    ["", true],
  ])("with NO_PROXY=%s are used for http://runner.test: %s", (without, taken) => {
    expect(via({ ...env, NO_PROXY: without }, "http://runner.test") !== undefined).toBe(taken);
    expect(via({ ...env, no_proxy: without }, "http://runner.test") !== undefined).toBe(taken);
  });
});

test("a configured proxy is used for all fixed runners, and for a backend's runners on other machines", () => {
  const given = { proxy: "http://me:pass%40word@proxy.test:3128" };
  const authorization = `Basic ${Buffer.from("me:pass@word").toString("base64")}`;
  const fixed = resolveConnection("pools.p", given, {}, false);
  expect(fixed.proxyFor(new URL("http://127.0.0.1:1"))).toEqual({ hostname: "proxy.test", port: 3128, authorization });
  const started = resolveConnection("pools.p", given, {}, true);
  expect(started.proxyFor(new URL("http://127.0.0.1:1"))).toBeUndefined();
  expect(started.proxyFor(new URL("http://10.0.0.1:1"))).toMatchObject({ hostname: "proxy.test" });
});

test.each(["https://me:hunter2@proxy.test", "socks5://me:hunter2@proxy.test", "hunter2@?", ""])(
  "the invalid proxy %j is rejected without revealing its credentials",
  (proxy) => {
    for (const [field, resolve] of [
      ["pools.p.proxy", () => resolveConnection("pools.p", { proxy }, {}, false)],
      ["proxy", () => resolveConnection("", { proxy }, {}, false)],
    ] as const) {
      try {
        resolve();
        expect.unreachable();
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
        expect((error as Error).message.startsWith(`${field} is `)).toBe(true);
        expect(inspect(error, { depth: 8 })).not.toContain("hunter2");
      }
    }
  },
);

describe("the tls option", () => {
  const [ca, cert, key] = [pemOf("authority"), pemOf("client"), pemOf("client-key")];
  const configure = (tls: object) =>
    createFlame().configure({
      mode: "parent",
      security: { secret: "s".repeat(16) },
      pools: { p: { runners: [{ url: "https://127.0.0.1:1" }], tls } },
    });

  test.each([
    ["a path instead of PEM", { ca: "/etc/ca.pem" }, /pools\.p\.tls\.ca is not PEM/],
    ["a list with something else", { ca: [ca, 5] }, /pools\.p\.tls\.ca\[1\] is not PEM/],
    ["a certificate without its key", { cert }, /^pools\.p\.tls has cert but no key/],
    ["a key without its certificate", { key }, /^pools\.p\.tls has key but no cert/],
    ["the key of another certificate", { cert, key: pemOf("stranger-key") }, /^pools\.p\.tls is invalid \(\S+\)/],
    ["half a certificate", { cert: cert.slice(0, 200), key }, /^pools\.p\.tls is invalid \(\S+\)/],
  ])("rejects %s without revealing the key", async (_, tls, message) => {
    const error = await configure(tls).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as Error).message).toMatch(message);
    expect(inspect(error, { depth: 8 })).not.toContain("PRIVATE KEY");
  });

  test("accepts PEM as strings and as bytes", async () => {
    await configure({ ca: [Buffer.from(ca), ca], cert: Buffer.from(cert), key });
  });
});

test("a pool's connection options override those of the configuration", async () => {
  const { resolveConfig } = await import("../../../src/contract/config/resolve-config.ts");
  const runners = [{ url: "http://runner.test" }];
  const { pools } = resolveConfig(
    {
      proxy: "http://all.test:1",
      tls: { ca: pemOf("authority") },
      pools: { a: { runners }, b: { runners, proxy: false, tls: {} } },
    },
    {},
  );
  const url = new URL("http://runner.test");
  expect(pools.get("a")!.connection.proxyFor(url)).toMatchObject({ hostname: "all.test" });
  expect(pools.get("a")!.connection.tls.ca).toBe(
    readFileSync(new URL("../../harness/certificates/authority.pem", import.meta.url), "utf8"),
  );
  expect(pools.get("b")!.connection.proxyFor(url)).toBeUndefined();
  expect(pools.get("b")!.connection.tls).toEqual({});
});
