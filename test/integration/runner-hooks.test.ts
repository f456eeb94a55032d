/** `onRunnerStart` and `onRunnerStop` of real runner processes, of their isolates, and in local mode. */
import { SpanStatusCode } from "@opentelemetry/api";
import { expect, test } from "vitest";
import { processBackend, type ProcessBackend } from "../../src/backends/process.ts";
import { InvokeError } from "../../src/contract/errors.ts";
import type { PoolConfig } from "../../src/contract/config/options.ts";
import { createFlame, flame } from "../../src/flame.ts";
import { waitFor } from "../harness/wait-for.ts";
import { Hooked } from "./fixtures/hooked-services.ts";
import { recordSpans } from "./record-spans.ts";
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

const failure = (call: Promise<unknown>): Promise<InvokeError> =>
  call.then(
    () => expect.unreachable(),
    (thrown: InvokeError) => thrown,
  );

test("runs onRunnerStart before a runner is ready and onRunnerStop when it stops, once per runner and isolate", async () => {
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

test("onRunnerStart that throws fails the boot, with its error as cause for the caller and on the boot span", async () => {
  const exporter = recordSpans();
  const { lines } = await hooked({ HOOKS: "throws" });
  const error = await failure(Hooked.model());
  expect(error).toMatchObject({ code: "no_runner", executed: "no" });
  expect(error.message).toMatch(/onRunnerStart failed \d+ ms into the boot with TypeError: the model is not there\./);
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

test("onRunnerStart that hangs past spawnTimeoutMs is named in the error", async () => {
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
  await waitFor(() => lines().includes("start none"), { what: "the hook to start" });
  await new Promise((resolve) => setTimeout(resolve, 0));
  await new Promise((resolve) => setImmediate(resolve));
  outOfTime.abort(new InvokeError("no_runner", "spawnTimeoutMs is over."));
  expect((await failure(spawned)).message).toMatch(
    /not ready after \d+ ms .*spawnTimeoutMs: 60000\)\. onRunnerStart was still running: make it faster, or raise spawnTimeoutMs/,
  );
  await waitFor(() => backend.running().length === 0, { what: "the runner to exit" });
});

test("a runner that exits during onRunnerStart fails the call with its exit code and the hook", async () => {
  await hooked({ HOOKS: "exits" });
  expect((await failure(Hooked.model())).message).toMatch(/exited with code 7 while onRunnerStart was running/);
});

test("onRunnerStop runs after the last invocation and is aborted at the drain timeout", async () => {
  const { lines } = await hooked({ HOOKS: "stops late", DRAIN_MS: "1500" });
  await Hooked.model();
  const slow = Hooked.slow(500);
  await waitFor(() => lines().includes("slow begins"), { what: "the invocation to start" });
  const stopped = flame.shutdown();
  await slow;
  await stopped;
  await waitFor(() => lines().length === 5, { what: "the runner to exit" });
  expect(lines()).toEqual(["start none", "slow begins", "slow ends", "stop aborted", "stop none"]);
});

test("onRunnerStart that throws in an isolate fails the call, and the runner stays up", async () => {
  await hooked({ HOOKS: "isolate:throws" });
  for (const call of [Hooked.inWorker, Hooked.inProcess]) {
    const error = await failure(call());
    expect(error).toMatchObject({ code: "no_runner", executed: "no" });
    expect(error.message).toContain("onRunnerStart failed with TypeError: the model is not there");
  }
  expect(await Hooked.model()).toBe("default true");
});

test("onRunnerStart that hangs in an isolate fails the call after isolation.bootTimeoutMs", async () => {
  await hooked({ HOOKS: "isolate:hangs", ISOLATE_BOOT_MS: "4000" });
  await waitFor(
    async () => {
      const error = await failure(Hooked.inWorker());
      return (
        error.code === "no_runner" &&
        /not ready within 4000 ms: onRunnerStart was still running\. .*isolation\.bootTimeoutMs/.test(error.message)
      );
    },
    { what: "an isolate to time out in its hook", timeoutMs: 50_000 },
  );
}, 60_000);

test("in local mode, the first call waits for onRunnerStart, and shutdown for onRunnerStop", async () => {
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

test("in local mode, onRunnerStart that hangs fails the call at its deadline", async () => {
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
