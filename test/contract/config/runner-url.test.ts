import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { ConfigError } from "../../../src/index.ts";
import { resolveConfig } from "../../../src/contract/config/resolve-config.ts";
import { resolveUrl, runnerIdFault, withoutSecrets } from "../../../src/contract/config/runner-url.ts";

const configErrorOf = (run: () => unknown): ConfigError => {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return error as ConfigError;
  }
  throw new Error("expected a ConfigError");
};

test.each([
  ["http://127.0.0.1:8080", "http://127.0.0.1:8080"],
  ["http://127.0.0.1:8080/", "http://127.0.0.1:8080"],
  ["https://gateway.test/runners/one/", "https://gateway.test/runners/one"],
  ["http://Gateway.TEST:80/A", "http://gateway.test/A"],
  ["http://[::1]:1234", "http://[::1]:1234"],
  ["http://gateway.test/a@b", "http://gateway.test/a@b"],
])("resolveUrl normalizes %s to %s", (given, address) => {
  expect(resolveUrl("runnerUrl", given)).toBe(address);
});

const secret = "hunter2";

describe.each([
  `http://me:${secret}@127.0.0.1:8080`,
  `http://${secret}@127.0.0.1:8080`,
  `http://:${secret}@127.0.0.1:8080`,
  `http://@127.0.0.1:8080`,
  `http://127.0.0.1:8080?token=${secret}`,
  `http://127.0.0.1:8080/path?token=${secret}@x`,
  "http://127.0.0.1:8080/?",
  `http://127.0.0.1:8080#${secret}`,
  "http://127.0.0.1:8080/#",
  `http://me:${secret}@bad host:8080`,
  `me:${secret}@127.0.0.1:8080`,
  `ftp://me:${secret}@127.0.0.1`,
])("the invalid URL %s", (url) => {
  test.each([
    ["runnerUrl", () => resolveConfig({ runnerUrl: url }, {})],
    ["RUNNER_URL", () => resolveConfig({}, { RUNNER_URL: url })],
    ["pools.p.runners[0].url", () => resolveConfig({ pools: { p: { runners: [{ url }] } } }, {})],
    ["pools.p.runners[0].url", () => resolveConfig({ pools: { p: { runners: [{ id: "r", url }] } } }, {})],
  ])("is rejected in %s without revealing secrets", (field, resolve) => {
    const error = configErrorOf(resolve);
    expect(error.message.startsWith(`${field} is `)).toBe(true);
    expect(inspect(error, { depth: 8, showHidden: true })).not.toContain(secret);
  });
});

test("rejects a runner id that is a URL with credentials, without revealing them", () => {
  const id = `http://me:${secret}@127.0.0.1`;
  const error = configErrorOf(() =>
    resolveConfig({ pools: { p: { runners: [{ id, url: "http://127.0.0.1" }] } } }, {}),
  );
  expect(error.message).toMatch(/^pools\.p\.runners\[0\]\.id is "http:\/\/\*\*\*@127\.0\.0\.1\/"/);
  expect(runnerIdFault("http://127.0.0.1:8080", 128)).toBeUndefined();
  expect(runnerIdFault("a b", 128)).toMatch(/printable ASCII characters without spaces/);
});

test.each([
  ["http://127.0.0.1:8080/a", "http://127.0.0.1:8080/a"],
  [`http://me:${secret}@127.0.0.1:8080/a?b=${secret}`, "http://***@127.0.0.1:8080/a…"],
  ["plain text", "plain text"],
  [`${secret}@nowhere`, "(not shown: it may contain credentials)"],
])("withoutSecrets shows %s as %s", (text, shown) => {
  expect(withoutSecrets(text)).toBe(shown);
});

test("rejects the same runner listed twice with differently written URLs", () => {
  const runners = [{ url: "http://LOCALHOST:80/" }, { url: "http://localhost" }];
  expect(configErrorOf(() => resolveConfig({ pools: { p: { runners } } }, {})).message).toMatch(
    /the same runner twice/,
  );
});
