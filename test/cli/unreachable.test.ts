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

test("a fetch that the program has replaced is never called", async () => {
  const url = await serve((_, response) => response.end("here"));
  const replaced = vi.fn();
  vi.stubGlobal("fetch", replaced);
  onTestFinished(() => void vi.unstubAllGlobals());
  const answer = await ask(`${url}/a?b=c`);
  expect("problem" in answer ? answer.problem : answer.text()).toBe("here");
  expect(replaced).not.toHaveBeenCalled();
});

test("user name and password of an address are sent, and never shown", async () => {
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
  ["an address of a runner with credentials", () => readRunnerAddress("--runner", "http://me:hunter2@127.0.0.1:1")],
  ["an address of a runner with a query", () => readRunnerAddress("--runner", "http://127.0.0.1:1/?token=hunter2")],
  ["an address that is none", () => readAddress("--otlp", "me:hunter2@collector")],
  ["an address of another protocol", () => readAddress("--otlp", "ftp://me:hunter2@collector")],
])("%s is refused, without what may be secret in it", async (_, read) => {
  const message = await messageOf(read);
  expect(message).toMatch(/^--(runner|otlp) is /);
  expect(message).not.toContain("hunter2");
});

test("proxies of the environment lead to other machines, and never to this one", async () => {
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
