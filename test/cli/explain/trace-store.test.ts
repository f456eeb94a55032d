/** The same trace from every kind of server produces the same report. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { firelight } from "../run-cli.ts";
import { serveTraces, storeKinds } from "./trace-stores.ts";

const file = join(import.meta.dirname, "../fixtures/lost-runner.jsonl");
const traceId = "0af7651916cd43dd8448eb211c80319c";

/** The report from traces only: trace stores have no logs, and the fixture has no Jaeger events. */
const withoutLogs = async (): Promise<string> => {
  const folder = mkdtempSync(join(tmpdir(), "firelight-cli-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const traces = join(folder, "traces.jsonl");
  writeFileSync(traces, readFileSync(file, "utf8").split("\n").slice(0, 2).join("\n"));
  return (await firelight(["explain", traces, "--trace", traceId])).stdout;
};

/** Starts a server that answers every request alike. */
const answering = async (status: number, body: string): Promise<string> => {
  const server = createServer((_request, response) => response.writeHead(status).end(body));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

describe.each(Object.entries(storeKinds))("explain with %s", (_name, { option, answers }) => {
  test("prints the same report as with the file", async () => {
    const { url } = await serveTraces(file, answers);
    const { code, stdout, stderr } = await firelight(["explain", traceId, option, `${url}/`]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(await withoutLogs());
  });

  test("reads the server's URL from the environment, loads linked traces, and sends the headers with every request", async () => {
    const { url, asked } = await serveTraces(file, answers);
    const variable = option === "--tempo" ? "FIRELIGHT_TEMPO_URL" : "FIRELIGHT_JAEGER_URL";
    const args = ["explain", traceId.toUpperCase(), "--header", "x-scope-orgid: shop", "--json"];
    const { code, stdout } = await firelight(args, { env: { [variable]: url } });
    expect(code).toBe(0);
    expect(stdout).toContain(`"images/enhance"`);
    expect(asked.map(({ headers }) => headers["x-scope-orgid"])).toEqual(asked.map(() => "shop"));
  });

  test("exits with 1 if the server does not have the trace", async () => {
    const { url } = await serveTraces(file, answers);
    const { code, stderr } = await firelight(["explain", "f".repeat(32), option, url]);
    expect(code).toBe(1);
    expect(stderr).toContain(`has no trace ${"f".repeat(32)}`);
  });
});

describe("explain with a server", () => {
  test.each([
    ["rejects the credentials", 401, "who are you?", "responded 401: who are you?. Send credentials, as in --header"],
    ["fails", 500, `{"errors":[{"code":500,"msg":"the index is gone"}]}`, "responded 500: the index is gone"],
    [
      "returns a web page",
      200,
      "<!doctype html>",
      "the response is not JSON; check that this is the address of the API",
    ],
    ["is another API", 200, `{"status":"ok"}`, "this JSON has no traces"],
  ])("that %s exits with 1 and the reason", async (_case, status, body, said) => {
    const { code, stderr } = await firelight(["explain", traceId, "--tempo", await answering(status, body)]);
    expect(stderr).toContain(said);
    expect(code).toBe(1);
  });

  test("that is down exits with 1 and what to do", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const { code, stderr } = await firelight(["explain", traceId, "--jaeger", `http://127.0.0.1:${port}`]);
    expect(stderr).toContain(`Jaeger: nothing listens on 127.0.0.1:${port}. Start the server, or correct the address.`);
    expect(code).toBe(1);
  });
});
