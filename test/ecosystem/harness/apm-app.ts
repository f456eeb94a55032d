/** A web service with a pool of runners, and an upstream server, with an APM agent in the parent, in the runners or in both. */
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runtimes } from "../../harness/runtimes.ts";
import { waitFor } from "../../harness/wait-for.ts";
import { type ApmAgent, newRelicSpans } from "./apm-agents.ts";
import { type AgentSpan, type ApmReceiver, startApmReceiver } from "./apm-receiver.ts";

export type Side = "parent" | "runner" | "both";

export interface ApmApp extends AsyncDisposable {
  /** Requests a path from the parent. */
  get(path: string): Promise<any>;
  /** The headers of requests to the upstream server. */
  readonly upstream: ReadonlyArray<IncomingHttpHeaders>;
  /** The spans that agents have sent so far. */
  spans(): ReadonlyArray<AgentSpan>;
  /** Shuts everything down, so that agents send all spans, and returns them. */
  end(): Promise<ReadonlyArray<AgentSpan>>;
  readonly receiver: ApmReceiver;
  output(): string;
}

export const orphanTimeoutMs = 2_400;

const startUpstream = async () => {
  const asked: Array<IncomingHttpHeaders> = [];
  const server = createServer((request, response) => {
    asked.push(request.headers);
    response.setHeader("content-type", "application/json").end(JSON.stringify(request.headers));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { asked, server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/upstream` };
};

/** Starts the service in an installed project. */
export const startApmApp = async (
  folder: string,
  agent: ApmAgent,
  on: Side,
  env: Readonly<Record<string, string>> = {},
): Promise<ApmApp> => {
  const receiver = await startApmReceiver();
  const upstream = await startUpstream();
  const scratch = mkdtempSync(join(tmpdir(), "firelight-apm-"));
  const agentEnv = (service: string) => ({ ...agent.env(receiver, service, scratch), ...env });
  const child = spawn(runtimes[agent.runtime ?? "node"], [...(on === "runner" ? [] : agent.args), "parent.js"], {
    cwd: folder,
    stdio: ["pipe", "pipe", "pipe"],
    env: {
      ...process.env,
      ...(on === "runner" ? {} : agentEnv("parent")),
      RUNNER_ARGS: JSON.stringify(on === "parent" ? [] : agent.args),
      RUNNER_ENV: JSON.stringify(on === "parent" ? {} : agentEnv("runner")),
      ORPHAN_TIMEOUT_MS: String(orphanTimeoutMs),
      UPSTREAM: upstream.url,
    },
  });
  let printed = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (printed += text));
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  let gone = false;
  void exited.then(() => (gone = true));

  const dispose = async (): Promise<void> => {
    if (!gone) child.kill("SIGKILL");
    await exited;
    upstream.server.closeAllConnections();
    upstream.server.close();
    await receiver[Symbol.asyncDispose]();
    rmSync(scratch, { recursive: true, force: true });
  };
  try {
    const [, port] = await waitFor(() => /^listening (\d+)$/m.exec(printed) ?? (gone ? [""] : undefined), {
      what: `the parent to listen:\n${printed}`,
      timeoutMs: 60_000,
    });
    if (port === undefined) throw new Error(`The parent exited:\n${printed}`);
    const get = async (path: string): Promise<any> => (await fetch(`http://127.0.0.1:${port}${path}`)).json();
    await waitFor(async () => (await get("/stats")).runners.idle >= 1, { what: "a runner", timeoutMs: 60_000 });
    const spans = (): ReadonlyArray<AgentSpan> => [...receiver.spans(), ...newRelicSpans(scratch)];
    return {
      get,
      spans,
      upstream: upstream.asked,
      receiver,
      output: () => printed,
      end: async () => {
        child.stdin.end();
        await exited;
        return spans();
      },
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw new Error(`${String(error)}\n${printed}`, { cause: error });
  }
};

/** Copies the program of one project into another. */
export const shareProgram = (from: string, to: string): void => {
  for (const file of ["parent.js", "runner.js", "services.js", "with"])
    cpSync(join(from, file), join(to, file), { recursive: true });
};
