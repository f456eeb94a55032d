/** Causes of failed calls in errors and logs: how the runner exited, and the cause chain of the handler's error. */
import { describe, expect, onTestFinished, test } from "vitest";
import { processBackend } from "../../src/backends/process.ts";
import { flame, type InvokeError } from "../../src/index.ts";
import { runtimes } from "../harness/runtimes.ts";
import { waitFor } from "../harness/wait-for.ts";
import { Probe } from "./fixtures/services.ts";
import { entryOf } from "./setup.ts";

const failureOf = (call: Promise<unknown>): Promise<InvokeError> =>
  call.then(
    () => Promise.reject(new Error("the call was expected to fail")),
    (error: InvokeError) => error,
  );

interface Written {
  readonly message: string;
  readonly meta: Record<string, unknown>;
}

const start = async (options: { runtime?: "node" | "bun"; args?: ReadonlyArray<string>; expose?: boolean } = {}) => {
  const written: Array<Written> = [];
  const lines: Array<string> = [];
  const keep = (message: string, meta: Record<string, unknown> = {}): void => void written.push({ message, meta });
  const backend = processBackend({
    entry: entryOf("runner"),
    onOutput: ({ line }) => void lines.push(line),
    ...(options.runtime === undefined ? {} : { runtime: runtimes[options.runtime] }),
    ...(options.args === undefined ? {} : { runtimeArgs: options.args }),
    env: { FLAME_EXPOSE_ERRORS: options.expose === true ? "1" : undefined },
  });
  onTestFinished(() => flame.shutdown());
  await flame.configure({
    mode: "parent",
    logger: { info: keep, warn: keep, error: keep },
    pools: { default: { backend, max: 1, maxConcurrency: 4, spawnTimeoutMs: 30_000 } },
  });
  return { written, lines };
};

describe.each(["node", "bun"] as const)("a runner on %s", (runtime) => {
  test.each([
    ["exit", /it exited with code 3/, { code: 3, signal: null }],
    ["kill", /it was ended by SIGKILL\).*usually the kernel's OOM killer/, { code: null, signal: "SIGKILL" }],
  ] as const)("that ends by %s fails all of its calls with its exit", async (how, message, exit) => {
    const { written } = await start({ runtime });
    await Probe.add(1, 1);
    const beside = failureOf(Probe.slow(20_000));
    const errors = await Promise.all([failureOf(Probe.die(how)), beside]);
    for (const error of errors) {
      expect(error).toMatchObject({ code: "transport_error", executed: "unknown", details: { exit } });
      expect(error.message).toMatch(message);
    }
    await waitFor(() => written.some(({ meta }) => meta["event.name"] === "flame.runner.lost"), {
      what: "flame.runner.lost to be logged",
    });
    expect(await Probe.add(1, 2)).toBe(3);
  });
});

test("a runner that runs out of memory fails the call with outOfMemory and a hint", async () => {
  const { written, lines } = await start({ runtime: "node", args: ["--max-old-space-size=64"] });
  await Probe.add(1, 1);
  const error = await failureOf(Probe.die("memory"));
  expect(error).toMatchObject({ code: "transport_error", details: { exit: { outOfMemory: true } } });
  expect(error.message).toMatch(/it ran out of memory and .*maxConcurrency/);
  expect(lines.some((line) => line.includes("JavaScript heap out of memory"))).toBe(true);
  const lost = await waitFor(() => written.find(({ meta }) => meta["event.name"] === "flame.runner.lost"), {
    what: "flame.runner.lost to be logged",
  });
  expect(lost.message).toContain("ran out of memory");
});

test("the runner logs the full cause chain, and the caller receives none of it", async () => {
  const { lines } = await start();
  const error = await failureOf(Probe.unreachable());
  expect(JSON.stringify(error)).not.toContain("ECONNREFUSED");
  const printed = await waitFor(() => lines.find((line) => line.includes("(ECONNREFUSED)")), {
    what: "the runner to log the cause",
  });
  expect(printed).toMatch(/^ {4}Error 1 of 1: Error: connect ECONNREFUSED 10\.0\.0\.1:5432 \(ECONNREFUSED\)$/);
  expect(lines.some((line) => line.startsWith("firelight error: probe/unreachable failed on this runner"))).toBe(true);
  expect(lines).toContain("    Caused by: AggregateError: no database answers");
  expect(lines.some((line) => /^ {4}\s+at .*services\.ts/.test(line))).toBe(true);
});

test("with exposeErrors, the caller and its log receive the full cause chain", async () => {
  const { written } = await start({ expose: true });
  const { remote } = await failureOf(Probe.unreachable());
  expect(remote).toMatchObject({
    message: "the order could not be read",
    exposed: true,
    stack: expect.stringContaining("services.ts"),
    cause: {
      name: "AggregateError",
      errors: [{ code: "ECONNREFUSED", message: "connect ECONNREFUSED 10.0.0.1:5432" }],
    },
  });
  const record = written.find(({ meta }) => meta["event.name"] === "rpc.client.call.exception");
  expect(record?.meta["exception.stacktrace"]).toContain("connect ECONNREFUSED 10.0.0.1:5432 (ECONNREFUSED)");
});
