import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { onFlush } from "../../../src/contract/process/flush.ts";
import { resolveConfig } from "../../../src/contract/config/resolve-config.ts";
import { createRegistry } from "../../../src/contract/api/registry.ts";
import { createRunnerServer } from "../../../src/runner/server.ts";
import { noTelemetry } from "../../../src/telemetry/telemetry.ts";
import { errorOf, fact, openRequest, send, sign, startRunner, verifiedHead } from "../runner-client.ts";

/** A runner with one invocation that runs until it is released or aborted. */
const startBusy = async (drainTimeoutMs?: number) => {
  const started = fact();
  const release = fact<string>();
  const reason = fact<unknown>();
  const runner = await startRunner({
    handlers: {
      hold: (context) => {
        context.signal.addEventListener("abort", () => reason.settle(context.signal.reason));
        started.settle();
        return release.promise;
      },
      quick: () => "quick",
    },
    options: { drainTimeoutMs },
  });
  const held = send(runner, sign("test/hold", []));
  await started.promise;
  return { runner, held, release, reason };
};

describe("server.stop()", () => {
  test("lets running invocations finish and rejects new ones, unexecuted and signed", async () => {
    const { runner, held, release } = await startBusy();
    const stopped = runner.server.stop();
    const ready = await fetch(`${runner.server.url}/ready`);
    expect([ready.status, ready.headers.get("retry-after")]).toEqual([503, "1"]);
    expect((await fetch(`${runner.server.url}/health`)).status).toBe(200);
    const refused = await send(runner, sign("test/quick", []));
    expect(refused.status).toBe(503);
    expect(refused.headers.get("connection")?.toLowerCase()).toBe("close");
    expect(verifiedHead(refused).outcome).toBe("error");
    expect(errorOf(refused)).toMatchObject({ code: "unavailable", executed: "no", retryable: true });

    release.settle("finished");
    const reply = await held;
    expect(reply.status).toBe(200);
    expect(verifiedHead(reply).outcome).toBe("ok");
    await stopped;
    await expect(fetch(`${runner.server.url}/health`)).rejects.toThrow();
  });

  test("aborts invocations that do not finish within drainTimeoutMs, and still responds to them", async () => {
    const { runner, held, reason } = await startBusy(50);
    await runner.server.stop();
    expect(await reason.promise).toMatchObject({ code: "canceled" });
    const reply = await held;
    expect(verifiedHead(reply).status).toBe(503);
    expect(errorOf(reply)).toMatchObject({ code: "unavailable", executed: "yes" });
    expect(runner.logs).toContainEqual(
      expect.objectContaining({ level: "warn", message: expect.stringContaining("50 ms of draining") }),
    );
  });

  test("right after creation leaves nothing listening", async () => {
    const server = createRunnerServer(
      { config: resolveConfig({}, {}), registry: createRegistry(), telemetry: noTelemetry, logger: console, env: {} },
      { port: 0, hostname: "127.0.0.1" },
    );
    await server.stop();
    await expect(fetch(`${server.url}/health`)).rejects.toThrow();
  });

  test("closes keep-alive connections", async () => {
    const runner = await startRunner();
    const idle = connect(runner.server.port, "127.0.0.1");
    idle.write("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
    await once(idle, "data");
    const closed = once(idle, "close");
    await runner.server.stop();
    await closed;
  });

  test.skipIf("Bun" in globalThis)("closes connections that sent nothing", async () => {
    const runner = await startRunner();
    const silent = connect(runner.server.port, "127.0.0.1");
    await once(silent, "connect");
    const closed = once(silent, "close");
    silent.resume();
    await runner.server.stop();
    await closed;
  });

  test("does not wait for a request whose body never completes", async () => {
    const runner = await startRunner();
    const { request, answered } = openRequest(runner, { ...sign("test/quick", []).headers, "content-length": "10" });
    answered.catch(() => {});
    await once(
      request.on("socket", () => {}),
      "socket",
    );
    request.write("half");
    await fetch(`${runner.server.url}/health`);
    await runner.server.stop();
    request.destroy();
  }, 10_000);

  test("flushes telemetry once, after the last invocation, even if it is called twice", async () => {
    const { runner, held, release } = await startBusy();
    const order: Array<string> = [];
    onTestFinished(onFlush(() => void order.push("flushed")));
    void release.promise.then(() => order.push("finished"));
    const stops = [runner.server.stop(), runner.server.stop()];
    release.settle("finished");
    await Promise.all(stops);
    expect((await held).status).toBe(200);
    expect(order).toEqual(["finished", "flushed"]);
  });
});

describe("signals", () => {
  const program = fileURLToPath(new URL("../signal-runner.ts", import.meta.url));

  /** A runner process with one running invocation, which ends when a line arrives on stdin. */
  const startProcess = async (...args: ReadonlyArray<string>) => {
    const child = spawn(process.execPath, [program, ...args], { stdio: ["pipe", "pipe", "inherit"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
    const exited = once(child, "close");
    await expect.poll(() => output, { timeout: 30_000 }).toMatch(/^http.*\n/m);
    const held = send({ server: { url: /^http.*/m.exec(output)![0] } }, sign("test/hold", []));
    held.catch(() => {});
    await expect.poll(() => output, { timeout: 30_000 }).toMatch(/^running$/m);
    return { child, exited, held, output: () => output };
  };

  test("a foreign SIGTERM handler that exits is warned of at the start, and what it cut off is logged", async () => {
    const { child, exited, held, output } = await startProcess("--exits");
    expect(output()).toContain("this program has a SIGTERM handler that calls exit");
    child.kill("SIGTERM");
    expect(await exited).toEqual([0, null]);
    await expect(held).rejects.toThrow();
    expect(output()).toMatch(
      /the process exited with code 0 while 1 invocation was running(, by process\.exit at .*signal-runner\.ts:\d+.*)?\./,
    );
    expect(output()).toContain("set handleSignals: false and exit after await server.stop()");
  });

  test("a runner without foreign handlers logs neither", async () => {
    const { child, exited, output } = await startProcess();
    child.kill("SIGTERM");
    child.stdin.end("finish\n");
    await exited;
    expect(output()).not.toContain("calls exit");
    expect(output()).not.toContain("the process exited");
  });

  test("SIGTERM drains the runner, then the process exits with code 0", async () => {
    const { child, exited, held, output } = await startProcess();
    child.kill("SIGTERM");
    await expect.poll(output).toContain("drains");
    child.stdin.end("finish\n");
    expect((await held).status).toBe(200);
    expect(await exited).toEqual([0, null]);
  });

  test("a second signal exits the process immediately with code 1", async () => {
    const { child, exited, output } = await startProcess();
    child.kill("SIGTERM");
    await expect.poll(output).toContain("drains");
    child.kill("SIGINT");
    expect(await exited).toEqual([1, null]);
  });

  test("are handled only with handleSignals or FLAME_RUNNER_ID, and not after stop", async () => {
    const before = process.listenerCount("SIGTERM");
    const plain = await startRunner();
    expect(process.listenerCount("SIGTERM")).toBe(before);
    const asked = await startRunner({ options: { handleSignals: true } });
    const started = await startRunner({ env: { FLAME_RUNNER_ID: "runner-7" } });
    expect(process.listenerCount("SIGTERM")).toBe(before + 1);
    await asked.server.stop();
    expect(process.listenerCount("SIGTERM")).toBe(before + 1);
    await Promise.all([plain, started].map((runner) => runner.server.stop()));
    expect(process.listenerCount("SIGTERM")).toBe(before);
  });
});

describe("admission", () => {
  test("rejects calls over maxConcurrency as overloaded, and accepts calls again afterwards", async () => {
    const started = fact();
    const release = fact();
    const runner = await startRunner({
      handlers: {
        hold: () => {
          started.settle();
          return release.promise;
        },
      },
      options: { maxConcurrency: 1 },
    });
    const held = send(runner, sign("test/hold", []));
    await started.promise;
    const refused = await send(runner, sign("test/hold", []));
    expect(refused.status).toBe(429);
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(verifiedHead(refused).outcome).toBe("error");
    expect(errorOf(refused)).toMatchObject({ code: "overloaded", executed: "no" });
    release.settle();
    expect((await held).status).toBe(200);
    expect((await send(runner, sign("test/hold", []))).status).toBe(200);
  });
});
