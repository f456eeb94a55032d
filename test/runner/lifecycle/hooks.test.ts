/** The hooks of a runner server, on a real socket. */
import { Effect } from "effect";
import { describe, expect, test } from "vitest";
import { ConfigError } from "../../../src/contract/errors.ts";
import { resolveConfig } from "../../../src/contract/config/resolve-config.ts";
import { createRegistry } from "../../../src/contract/api/registry.ts";
import type { RunnerHookContext } from "../../../src/contract/config/runner-hooks.ts";
import type { RunnerServerOptions } from "../../../src/runner/options.ts";
import { createRunnerServer, type RunnerServer } from "../../../src/runner/server.ts";
import { noTelemetry } from "../../../src/telemetry/telemetry.ts";
import { waitFor } from "../../harness/wait-for.ts";
import { errorOf, key, send, sign, startRunner } from "../runner-client.ts";

const serve = (options: RunnerServerOptions): { readonly server: RunnerServer; readonly logs: Array<string> } => {
  const logs: Array<string> = [];
  const log = (message: string): void => void logs.push(message);
  const server = createRunnerServer(
    {
      config: resolveConfig({ security: { secret: key.secret } }, {}),
      registry: createRegistry(),
      telemetry: noTelemetry,
      logger: { info: log, warn: log, error: log },
      env: {},
    },
    { port: 0, hostname: "127.0.0.1", ...options },
  );
  return { server, logs };
};

const statusOf = async (server: RunnerServer, path: string): Promise<readonly [number, unknown]> => {
  const response = await waitFor(() => fetch(`${server.url}${path}`), { what: "a response" });
  return [response.status, ((await response.json()) as { status: unknown }).status];
};

describe("onRunnerStart", () => {
  test("delays readiness and rejects calls until it resolves", async () => {
    const loaded = Promise.withResolvers<void>();
    let isReady = false;
    let told: RunnerHookContext | undefined;
    const { server } = serve({
      onRunnerStart: (hook) => {
        told = hook;
        return loaded.promise;
      },
    });
    void server.ready.then(() => (isReady = true));
    expect(await statusOf(server, "/ready")).toEqual([503, "starting"]);
    expect(await statusOf(server, "/health")).toEqual([200, "ok"]);
    const early = await send({ server }, sign("test/any", []));
    expect(early.status).toBe(503);
    expect(errorOf(early)).toMatchObject({ code: "unavailable", executed: "no", retryable: true });
    expect(errorOf(early).message).toContain("onRunnerStart is still running");
    expect(isReady).toBe(false);
    loaded.resolve();
    await server.ready;
    expect(await statusOf(server, "/ready")).toEqual([200, "ready"]);
    expect(told).toMatchObject({ runnerId: server.runnerId, poolName: "default", isolation: "none" });
    await server.stop();
  });

  test.each([
    [
      "throws",
      () => {
        throw new TypeError("no model");
      },
    ],
    ["rejects", () => Promise.reject(new TypeError("no model"))],
    ["fails as an Effect", () => Effect.fail(new TypeError("no model"))],
  ])("that %s rejects ready with the cause and closes the server", async (_, onRunnerStart) => {
    let stops = 0;
    const { server, logs } = serve({ onRunnerStart, onRunnerStop: () => void stops++ });
    const error: Error = await server.ready.then(
      () => expect.unreachable(),
      (thrown: Error) => thrown,
    );
    expect(error).toMatchObject({ code: "unavailable", executed: "no" });
    expect(error.message).toMatch(/^onRunnerStart of runner .* failed after \d+ ms: no model$/);
    expect(error.cause).toMatchObject({ name: "TypeError", message: "no model" });
    expect(logs).toContain(error.message);
    await expect(fetch(`${server.url}/ready`)).rejects.toThrow();
    await server.stop();
    expect(stops).toBe(0);
  });

  test("is aborted when the runner stops before it resolves, and onRunnerStop does not run", async () => {
    const lines: Array<string> = [];
    const { server, logs } = serve({
      drainTimeoutMs: 5_000,
      onRunnerStart: ({ signal }) =>
        new Promise((_, reject) => {
          lines.push("start");
          signal.addEventListener("abort", () => reject(signal.reason as Error));
        }),
      onRunnerStop: () => void lines.push("stop"),
    });
    await waitFor(() => lines.length === 1, { what: "the hook to start" });
    await server.stop();
    await server.ready;
    expect(lines).toEqual(["start"]);
    expect(logs).toEqual([]);
  });

  test("that ignores its signal does not prevent the runner from stopping", async () => {
    let started = false;
    const { server, logs } = serve({
      drainTimeoutMs: 50,
      onRunnerStart: () => {
        started = true;
        return new Promise(() => {});
      },
    });
    await waitFor(() => started, { what: "the hook to start" });
    await server.stop();
    expect(logs).toEqual([expect.stringContaining("exits while onRunnerStart is still running")]);
  });

  test("that is not a function is rejected", () => {
    expect(() => serve({ onRunnerStart: "load" as never })).toThrow(ConfigError);
    expect(() => resolveConfig({ onRunnerStop: {} as never }, {})).toThrow(
      /onRunnerStop is an object\. Use a function/,
    );
  });
});

describe("onRunnerStop", () => {
  test("runs once, after the running invocations, with the remaining drain time", async () => {
    const lines: Array<string> = [];
    const release = Promise.withResolvers<void>();
    const runner = await startRunner({
      handlers: {
        hold: async () => {
          lines.push("begins");
          await release.promise;
          lines.push("ends");
        },
      },
      options: { onRunnerStop: ({ signal }) => void lines.push(`stop ${signal.aborted}`) },
    });
    const held = send(runner, sign("test/hold", []));
    await waitFor(() => lines.length === 1, { what: "the invocation to start" });
    const stops = [runner.server.stop(), runner.server.stop()];
    release.resolve();
    await held;
    await Promise.all(stops);
    expect(lines).toEqual(["begins", "ends", "stop false"]);
  });

  test("runs with an aborted signal when invocations have used up the drain time", async () => {
    const aborted: Array<boolean> = [];
    const runner = await startRunner({
      handlers: { hold: () => new Promise(() => {}) },
      options: { drainTimeoutMs: 50, onRunnerStop: ({ signal }) => void aborted.push(signal.aborted) },
    });
    const held = send(runner, sign("test/hold", []));
    await waitFor(() => runner.inFlight() === 1, { what: "the invocation to start" });
    await runner.server.stop();
    await held;
    expect(aborted).toEqual([true]);
  });

  test.each([
    [
      "throws",
      () => {
        throw new TypeError("no");
      },
      /onRunnerStop of runner .* failed: no$/,
    ],
    ["rejects", () => Promise.reject(new TypeError("no")), /onRunnerStop of runner .* failed: no$/],
    [
      "hangs",
      () => new Promise(() => {}),
      /exits while onRunnerStop is still running: it exceeded the remaining \d+ ms of drainTimeoutMs/,
    ],
  ])("that %s is logged, and the runner stops", async (_, onRunnerStop, said) => {
    const { server, logs } = serve({ onRunnerStop, drainTimeoutMs: 100 });
    await server.ready;
    await server.stop();
    expect(logs).toEqual([expect.stringMatching(said)]);
  });
});
