import { expect, onTestFinished, test, vi } from "vitest";
import { checkOtlp } from "../../src/cli/doctor/check-otlp.ts";
import { loadTrace } from "../../src/cli/explain/trace-store.ts";
import { readAddress, readRunnerAddress } from "../../src/cli/options.ts";
import { ask } from "../../src/cli/unreachable.ts";
import { startConnectProxy } from "../integration/gateways.ts";
import { serve } from "./doctor/diagnosis.ts";

const messageOf = async (run: () => unknown): Promise<string> => {
  try {
    await run();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("an error was expected");
};

test("ask does not call a replaced global fetch", async () => {
  const url = await serve((_, response) => response.end("here"));
  const replaced = vi.fn();
  vi.stubGlobal("fetch", replaced);
  onTestFinished(() => void vi.unstubAllGlobals());
  const answer = await ask(`${url}/a?b=c`);
  expect("problem" in answer ? answer.problem : answer.text()).toBe("here");
  expect(replaced).not.toHaveBeenCalled();
});

test("sends user name and password of a URL, and never prints them", async () => {
  const seen: Array<string | undefined> = [];
  const url = await serve((request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(503).end("no");
  });
  const address = url.replace("http://", "http://me:hunter2@");
  const finding = await checkOtlp(address, {});
  expect(finding.status).toBe("failed");
  const trouble = await messageOf(() => loadTrace({ kind: "tempo", url: address, headers: {} }, "0".repeat(32)));
  expect(trouble).toContain("***@");
  expect(JSON.stringify(finding) + trouble).not.toContain("hunter2");
  expect(new Set(seen)).toEqual(new Set([`Basic ${Buffer.from("me:hunter2").toString("base64")}`]));
});

test.each([
  ["a runner URL with credentials", () => readRunnerAddress("--runner", "http://me:hunter2@127.0.0.1:1")],
  ["a runner URL with a query", () => readRunnerAddress("--runner", "http://127.0.0.1:1/?token=hunter2")],
  ["an invalid URL", () => readAddress("--otlp", "me:hunter2@collector")],
  ["a URL with another protocol", () => readAddress("--otlp", "ftp://me:hunter2@collector")],
])("rejects %s without printing its secrets", async (_, read) => {
  const message = await messageOf(read);
  expect(message).toMatch(/^--(runner|otlp) is /);
  expect(message).not.toContain("hunter2");
});

test("ask uses proxies of the environment, but not for this machine", async () => {
  const proxy = await startConnectProxy();
  const url = await serve((_, response) => response.end("here"));
  for (const name of ["http_proxy", "no_proxy", "NO_PROXY"]) vi.stubEnv(name, undefined);
  vi.stubEnv("HTTP_PROXY", `http://127.0.0.1:${proxy.port}`);
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(await ask(url)).toMatchObject({ status: 200 });
  expect(proxy.heads).toEqual([]);
  expect(await ask(url.replace("127.0.0.1", "collector.test"))).toMatchObject({ status: 200 });
  expect(proxy.heads).toHaveLength(1);
});
