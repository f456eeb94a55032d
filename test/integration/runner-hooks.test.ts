/** `onRunnerStart` and `onRunnerStop` of real runner processes, of their isolates, and in local mode. */
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { context, SpanStatusCode, trace } from "@opentelemetry/api";
import { node, tracing } from "@opentelemetry/sdk-node";
import { expect, onTestFinished, test } from "vitest";
import { processBackend, type ProcessBackend } from "../../src/backends/process.ts";
import { InvokeError } from "../../src/contract/errors.ts";
import type { PoolConfig } from "../../src/contract/config/options.ts";
import { createFlame, flame } from "../../src/flame.ts";
import { waitFor } from "../harness/wait-for.ts";
import { Hooked } from "./fixtures/hooked-services.ts";
import { notes, withRunners } from "./setup.ts";

const hookedBackend = (env: Record<string, string>): ProcessBackend =>
  processBackend({ entry: new URL("./fixtures/hooked-runner.ts", import.meta.url), env, logs: "ignore" });

const hooked = async (
  env: Record<string, string> = {},
  pool: PoolConfig = {},
): Promise<{ readonly lines: () => ReadonlyArray<string> }> => {
  const { file, lines } = notes();
  const backend = hookedBackend({ HOOK_NOTES: file, ...env });
  await withRunners({ max: 1, spawnTimeoutMs: 60_000, backend, ...pool });
  return { lines };
};

const recordSpans = (): tracing.InMemorySpanExporter => {
  const exporter = new tracing.InMemorySpanExporter();
  trace.setGlobalTracerProvider(
    new node.NodeTracerProvider({ spanProcessors: [new tracing.SimpleSpanProcessor(exporter)] }),
  );
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  onTestFinished(() => {
    trace.disable();
    context.disable();
  });
  return exporter;
};

const failure = (call: Promise<unknown>): Promise<InvokeError> =>
  call.then(
    () => expect.unreachable(),
    (thrown: InvokeError) => thrown,
  );

test("a runner is ready when its start hook is done, and stops with its stop hook; isolates have their own", async () => {
  const exporter = recordSpans();
  const { lines } = await hooked();
  expect(await Hooked.model()).toBe("default true");
  expect(lines()).toEqual(["start none"]);
  const boot = exporter.getFinishedSpans().find(({ name }) => name === "flame.runner.boot")!;
  expect(boot.attributes["flame.boot.phase_ms.on_runner_start"]).toBeGreaterThan(90);
  expect(boot.attributes).toHaveProperty(["flame.boot.phase_ms.ready"]);

  expect(await Hooked.inWorker()).toBe("default true");
  expect(await Hooked.inProcess()).toBe("default true");
  await Hooked.inWorker();
  expect(lines()).toEqual(["start none", "start worker", "start process"]);
  await flame.shutdown();
  expect([...lines().slice(3)].sort()).toEqual(["stop none", "stop process", "stop worker"]);
});

test("a start hook that throws is a failed boot, and its cause reaches the caller and the span", async () => {
  const exporter = recordSpans();
  const { lines } = await hooked({ HOOKS: "throws" });
  const error = await failure(Hooked.model());
  expect(error).toMatchObject({ code: "no_runner", executed: "no" });
  expect(error.message).toMatch(
    /onRunnerStart failed after \d+ ms of its boot with TypeError: the model is not there\./,
  );
  const cause = (error.cause as Error).cause as Error;
  expect([cause.name, cause.message]).toEqual(["TypeError", "the model is not there"]);
  expect(cause.stack).toContain("hooked-services");
  const boot = exporter.getFinishedSpans().find(({ name }) => name === "flame.runner.boot")!;
  expect(boot.status).toMatchObject({
    code: SpanStatusCode.ERROR,
    message: expect.stringContaining("the model is not there"),
  });
  expect(lines()).toEqual(["start none"]);
});

test("a start hook that hangs until the boot's time is over is named in the error", async () => {
  const { file, lines } = notes();
  const backend = hookedBackend({ HOOK_NOTES: file, HOOKS: "hangs" });
  const outOfTime = new AbortController();
  const spawned = backend.spawn({
    poolName: "default",
    runnerId: "r1",
    env: { FLAME_MODE: "runner", FLAME_RUNNER_ID: "r1", FLAME_SECRET: "a secret for tests" },
    timeoutMs: 60_000,
    signal: outOfTime.signal,
  });
  await waitFor(() => lines().includes("start none"), { what: "the hook", timeoutMs: 20_000 });
  await new Promise((resolve) => setTimeout(resolve, 0));
  await new Promise((resolve) => setImmediate(resolve));
  outOfTime.abort(new InvokeError("no_runner", "spawnTimeoutMs is over."));
  expect((await failure(spawned)).message).toMatch(
    /not ready after \d+ ms .*spawnTimeoutMs: 60000\)\. onRunnerStart was still running: make it end sooner, or raise spawnTimeoutMs/,
  );
  await waitFor(() => backend.running().length === 0, { what: "the end of the runner" });
});

test("a runner that ends in its start hook says so", async () => {
  await hooked({ HOOKS: "exits" });
  expect((await failure(Hooked.model())).message).toMatch(/exited with code 7 while onRunnerStart was running/);
});

test("the stop hook runs after the last invocation, and has what is left of the drain", async () => {
  const { lines } = await hooked({ HOOKS: "stops late", DRAIN_MS: "1500" });
  await Hooked.model();
  const slow = Hooked.slow(500);
  await waitFor(() => lines().includes("slow begins"), { what: "a running invocation" });
  const stopped = flame.shutdown();
  await slow;
  await stopped;
  await waitFor(() => lines().length === 5, { what: "the end of the runner" });
  expect(lines()).toEqual(["start none", "slow begins", "slow ends", "stop aborted", "stop none"]);
});

test("a start hook of an isolate that fails is the error of the call, and the runner goes on", async () => {
  await hooked({ HOOKS: "isolate:throws" });
  for (const call of [Hooked.inWorker, Hooked.inProcess]) {
    const error = await failure(call());
    expect(error).toMatchObject({ code: "no_runner", executed: "no" });
    expect(error.message).toContain("onRunnerStart failed with TypeError: the model is not there");
  }
  expect(await Hooked.model()).toBe("default true");
});

test("a start hook of an isolate that hangs has isolation.bootTimeoutMs, and the error says so", async () => {
  await hooked({ HOOKS: "isolate:hangs", ISOLATE_BOOT_MS: "4000" });
  await waitFor(
    async () => {
      const error = await failure(Hooked.inWorker());
      return (
        error.code === "no_runner" &&
        /not ready within 4000 ms: onRunnerStart was still running\. .*isolation\.bootTimeoutMs/.test(error.message)
      );
    },
    { what: "an isolate that gets as far as its hook", timeoutMs: 50_000 },
  );
}, 60_000);

test("in local mode the first call waits for the start hook, and the end of the instance for the stop hook", async () => {
  const lines: Array<string> = [];
  let broken = true;
  const local = createFlame({
    mode: "local",
    onRunnerStart: async ({ runnerId, isolation }) => {
      lines.push(`start ${runnerId} ${isolation}`);
      await Promise.resolve();
      if (broken) throw new Error("not yet");
    },
    onRunnerStop: () => void lines.push("stop"),
  });
  const ping = local.fn("ping", async () => "pong");
  const error = await failure(ping());
  expect(error).toMatchObject({ code: "no_runner", executed: "no", retryable: false });
  expect(error.message).toContain("onRunnerStart of runner local failed");
  broken = false;
  expect(await Promise.all([ping(), ping(), ping()])).toEqual(["pong", "pong", "pong"]);
  await local.shutdown();
  await local.shutdown();
  expect(lines).toEqual(["start local none", "start local none", "stop"]);
});

test("in local mode a start hook that hangs has the call's time", async () => {
  const local = createFlame({
    mode: "local",
    onRunnerStart: ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error));
      }),
  });
  const ping = local.fn("ping", async () => "pong");
  expect(await failure(ping.with({ timeoutMs: 50 })())).toMatchObject({
    code: "timeout",
    executed: "no",
    message: expect.stringContaining("onRunnerStart was still running"),
  });
  await local.shutdown();
});
