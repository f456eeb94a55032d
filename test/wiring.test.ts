/** What an instance reports in logs, spans and metrics: never the secrets of its handlers and configuration. */
import { SpanKind } from "@opentelemetry/api";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import {
  createFlame,
  defineMethod,
  FlameMethodError,
  type Flame,
  type FlameConfig,
  type Logger,
} from "../src/index.ts";
import { waitFor } from "./harness/wait-for.ts";
import { forget, record, type Recorder } from "./telemetry/recorded-spans.ts";

const current = "canary-of-the-current-key";
const previous = "canary-of-the-previous-key";
const password = "canary-of-a-database";
const canaries = [current, previous, password].flatMap((secret) => [
  secret,
  Buffer.from(secret).toString("base64"),
  Buffer.from(secret).toString("hex"),
]);
const security = { keyId: "now", secret: current, acceptKeys: [{ id: "before", secret: previous }] };

const make = (config: FlameConfig): Flame => {
  const flame = createFlame(config);
  onTestFinished(() => flame.shutdown());
  return flame;
};

/** A logger, and everything that it received as one string. */
const recordLogs = (): { readonly logger: Logger; readonly text: () => string } => {
  const records: Array<unknown> = [];
  const write = (message: string, meta?: Record<string, unknown>): void => {
    records.push([message, Object.entries(meta ?? {}).map(([name, value]) => [name, String(value)])]);
  };
  return { logger: { debug: write, info: write, warn: write, error: write }, text: () => JSON.stringify(records) };
};

const leak = (): Error =>
  new Error(
    `connect postgres://app:${password}@db failed; keys ${current}, ${Buffer.from(previous).toString("base64")}, ${Buffer.from(current).toString("hex")}`,
  );

const defineLeaks = (flame: Flame) =>
  flame.service("leaks", {
    unexpected: async (): Promise<void> => {
      throw leak();
    },
    spoken: async (): Promise<void> => {
      throw new FlameMethodError("refused", leak().message, { cause: leak() });
    },
    late: defineMethod("late", async (ctx): Promise<void> => {
      await new Promise<void>((resolve) => ctx.signal.addEventListener("abort", () => resolve(), { once: true }));
      throw leak();
    }),
  });

const failAll = async (leaks: ReturnType<typeof defineLeaks>): Promise<void> => {
  await expect(leaks.unexpected()).rejects.toMatchObject({ code: "remote_error" });
  await expect(leaks.spoken()).rejects.toMatchObject({ remote: { code: "refused" } });
  await expect(leaks.late.with({ timeoutMs: 60 })()).rejects.toMatchObject({ code: "timeout" });
};

/** The contents of all finished spans as one string. */
const textOf = ({ exporter }: Recorder): string =>
  JSON.stringify(
    exporter.getFinishedSpans().map(({ name, status, attributes, events }) => [name, status, attributes, events]),
  );

const expectNoCanary = (text: string): void => {
  expect(canaries.filter((canary) => text.includes(canary))).toEqual([]);
};

afterEach(() => {
  forget();
  vi.unstubAllEnvs();
});

test("secrets in handler errors are redacted from spans and log records in local mode", async () => {
  const recorder = record();
  const { logger, text } = recordLogs();
  await failAll(defineLeaks(make({ mode: "local", security, logger, exposeErrors: true })));
  await waitFor(() => text().includes("the outcome was dropped"), { what: "the late failure's log record" });
  const spans = textOf(recorder);
  expect(text()).toContain("[redacted]");
  expect(spans).toContain("[redacted]");
  expectNoCanary(text());
  expectNoCanary(spans);
});

test("secrets in handler errors reach neither spans nor log records of a parent and its runner", async () => {
  const recorder = record();
  const { logger, text } = recordLogs();
  const runner = make({ mode: "runner", security, logger });
  defineLeaks(runner);
  const server = runner.createRunnerServer({ port: 0, hostname: "127.0.0.1", handleSignals: false });
  await server.ready;
  await failAll(defineLeaks(make({ mode: "parent", security, logger, runnerUrl: server.url })));
  await waitFor(() => text().includes("the outcome was dropped"), { what: "the late failure's log record" });
  const spans = textOf(recorder);
  expect(text()).toContain("[redacted]");
  expectNoCanary(text());
  expectNoCanary(spans);
});

test("configure redacts a key that it adds, and keeps the metrics counters", async () => {
  const { logger, text } = recordLogs();
  const flame = make({ mode: "local", logger });
  const leaks = defineLeaks(flame);
  await expect(leaks.unexpected()).rejects.toThrow();
  expect(text()).toContain(current);
  const before = text().length;
  await flame.configure({ security });
  await expect(leaks.unexpected()).rejects.toThrow();
  expectNoCanary(text().slice(before));
  expect(await flame.metrics()).toMatch(
    /rpc_client_call_duration_seconds_count\{[^}]*rpc_method="leaks\/unexpected"[^}]*\} 2\b/,
  );
});

test("a runner that calls its own methods sets its id and pool on the server span", async () => {
  vi.stubEnv("FLAME_RUNNER_ID", "images-7");
  vi.stubEnv("FLAME_POOL", "images");
  const recorder = record();
  const flame = make({ mode: "runner" });
  await flame.fn("ping", async () => "pong")();
  const server = recorder.exporter
    .getFinishedSpans()
    .find((span) => span.name === "ping/default" && span.kind === SpanKind.SERVER);
  expect(server?.attributes).toMatchObject({ "flame.runner.id": "images-7", "flame.pool.name": "images" });
});

test('in local mode without a runner\'s environment, the server span has the runner id "local"', async () => {
  const recorder = record();
  await make({ mode: "local", defaultPool: "main" }).fn("ping", async () => "pong")();
  const server = recorder.exporter
    .getFinishedSpans()
    .find((span) => span.name === "ping/default" && span.kind === SpanKind.SERVER);
  expect(server?.attributes).toMatchObject({ "flame.runner.id": "local", "flame.pool.name": "main" });
});
