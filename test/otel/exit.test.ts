/** Exit of a process with pending telemetry, with receivers that respond, that never respond, and that are down. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startProcess, type StartedProcess } from "../harness/start-process.ts";
import { startReceiver } from "./otlp-receiver.ts";

const fixture = join(import.meta.dirname, "fixtures/ends.ts");
const flushMs = 1_000;

/** Maximum time to exit: one flush, plus a margin for a busy machine. OTLP's own timeout would be 10 s. */
const boundMs = flushMs + 4_000;

const start = (endpoint: string, how: string, env: Record<string, string> = {}): Promise<StartedProcess> =>
  startProcess({
    command: [process.execPath, fixture, how],
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, FLUSH_MS: String(flushMs), ...env },
  });

/** Accepts connections and never responds. */
let blackHole: Server;
let endpoints: Record<"black hole" | "closed port", string>;

const listening = async (): Promise<Server> => {
  const server = createServer((socket) => socket.on("error", () => {})).listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
};
const urlOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

beforeAll(async () => {
  blackHole = await listening();
  const gone = await listening();
  endpoints = { "black hole": urlOf(blackHole), "closed port": urlOf(gone) };
  gone.close();
});
afterAll(() => void blackHole.close());

describe.each(["black hole", "closed port"] as const)("with a %s as receiver", (receiver) => {
  test.each([
    ["on its own", "itself", undefined],
    ["after flame.shutdown", "shutdown", undefined],
    ["after flame.shutdown and otel.shutdown", "otel-shutdown", undefined],
    ["by SIGTERM", "wait", "SIGTERM"],
    ["by SIGINT", "wait", "SIGINT"],
    ["as a runner by SIGTERM", "runner", "SIGTERM"],
    ["as a runner, by SIGINT", "runner", "SIGINT"],
  ] as const)("a process that exits %s takes no longer than one flush", async (_, how, signal) => {
    await using child = await start(endpoints[receiver], how);
    const shutsDown = how.endsWith("shutdown");
    const startedAt = shutsDown ? performance.now() : undefined;
    await child.waitForOutput(/ready/);
    const readyAt = startedAt ?? performance.now();
    if (signal !== undefined) child.kill(signal);
    const end = await child.exited;
    expect(performance.now() - readyAt).toBeLessThan(
      boundMs + (how === "runner" ? 2_000 : 0) + (shutsDown ? 3_000 : 0),
    );
    expect(end).toEqual(how === "wait" ? { code: null, signal } : { code: 0, signal: null });
    expect(child.output().match(/failed to send telemetry/g)).toHaveLength(1);
  });
});

describe("with a receiver that responds", () => {
  test.each([
    ["on its own", "itself", undefined],
    ["after flame.shutdown", "shutdown", undefined],
    ["by SIGTERM", "wait", "SIGTERM"],
    ["by SIGINT", "wait", "SIGINT"],
    ["as a runner, by SIGINT", "runner", "SIGINT"],
    ["in its own signal listener", "listener", "SIGINT"],
  ] as const)("a process that exits %s exports spans, logs and metrics", async (_, how, signal) => {
    await using receiver = await startReceiver();
    await using child = await start(receiver.url, how);
    await child.waitForOutput(/ready/);
    if (signal !== undefined) child.kill(signal);
    expect((await child.exited).code).toBe(how === "wait" ? null : how === "listener" ? 7 : 0);
    expect(receiver.spans.map((span) => span.name)).toContain("fixture");
    expect(receiver.logs.map((record) => record.body)).toContain("fixture");
    expect(receiver.metrics.map((metric) => metric.name)).toContain("fixture_total");
    expect(child.output()).not.toContain("failed to send");
  });

  test("a second signal ends the process at once", async () => {
    await using child = await start(endpoints["black hole"], "wait", { FLUSH_MS: "60000" });
    await child.waitForOutput(/ready/);
    child.kill("SIGINT");
    child.kill("SIGTERM");
    expect((await child.exited).code).toBe(null);
  });
});
