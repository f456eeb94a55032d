import { afterEach, describe, expect, test, vi } from "vitest";
import { InvokeError } from "../../src/contract/errors.ts";
import type { Logger } from "../../src/contract/config/options.ts";
import { attributes, logs } from "../../src/telemetry/catalog.ts";
import { exportLogs, makeLogSink } from "../../src/telemetry/logs.ts";
import { makeRedactor } from "../../src/telemetry/redaction.ts";
import type { FlameEvent } from "../../src/telemetry/telemetry.ts";

interface Written {
  readonly level: string;
  readonly message: string;
  readonly meta: Record<string, unknown> | undefined;
}

const collect = () => {
  const written: Array<Written> = [];
  const at = (level: string) => (message: string, meta?: Record<string, unknown>) =>
    void written.push({ level, message, meta });
  const logger: Logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  return { written, logger };
};
const phases = { acquire: 0, encode: 0, network: 0, runner_queue: 0, handler: 0, decode: 0, backoff: 0, other: 0 };
const span = { traceId: "a".repeat(32), spanId: "b".repeat(16), sampled: true };
const call = (error: InvokeError | undefined): FlameEvent => ({
  _tag: "CallEnded",
  method: "billing/charge",
  pool: "gpu",
  durationMs: 1234.56,
  attempts: 2,
  phases,
  error,
  invocationId: "inv-1",
  span,
});
const server = (error: InvokeError | undefined, thrown?: unknown): FlameEvent => ({
  _tag: "ServerEnded",
  method: "billing/charge",
  pool: "gpu",
  durationMs: 5,
  error,
  thrown,
  invocationId: "inv-1",
  attempt: 2,
  span,
});
const stuck: FlameEvent = {
  _tag: "IsolateTerminated",
  method: "m/x",
  pool: "p",
  runnerId: "r",
  invocationId: "i",
  attempt: 1,
  isolation: "worker",
  graceMs: 100,
  stopped: true,
  span,
};

const everyEvent: ReadonlyArray<FlameEvent> = [
  stuck,
  call(new InvokeError("timeout", "late")),
  server(new InvokeError("remote_error", "failed"), new Error("x")),
  {
    _tag: "RetryScheduled",
    method: "m/x",
    pool: "p",
    invocationId: "i",
    nextAttempt: 2,
    delayMs: 5,
    reason: "overloaded",
    span,
  },
  {
    _tag: "RetryRefused",
    method: "m/x",
    pool: "p",
    invocationId: "i",
    attempts: 2,
    obstacle: "budget",
    reason: "the budget is used up",
    span,
  },
  { _tag: "RunnerBooting", pool: "p", runnerId: "r", backend: "process", reason: "demand" },
  { _tag: "BootEnded", pool: "p", runnerId: "r", backend: "process", result: "ok", durationMs: 5 },
  {
    _tag: "BootEnded",
    pool: "p",
    runnerId: "r",
    backend: "process",
    result: "error",
    durationMs: 5,
    error: new Error("no port"),
  },
  { _tag: "BootEnded", pool: "p", runnerId: "r", backend: "process", result: "canceled", durationMs: 5 },
  { _tag: "RunnerNotEnded", pool: "p", runnerId: "r", backend: "process", fault: "Error: no" },
  { _tag: "UserFunctionFailed", pool: "p", name: "onGrow", fault: "threw Error: no", fallback: "the pool goes on" },
  { _tag: "RunnerDraining", pool: "p", runnerId: "r", reason: "idle" },
  { _tag: "RunnerTerminated", pool: "p", runnerId: "r", reason: "crash", detail: "exit code 137" },
  { _tag: "RunnerTerminated", pool: "p", runnerId: "r", reason: "idle" },
  { _tag: "PoolSaturated", pool: "p", pending: 3, limit: 8 },
  { _tag: "PoolScaled", pool: "p", from: 1, to: 2, reason: "2 calls wait" },
  { _tag: "SignatureRejected", pool: "p", reason: "replay", detail: "the nonce was seen" },
  {
    _tag: "HeartbeatRefused",
    by: "parent",
    pool: "p",
    runnerId: "r",
    code: "signature_error",
    detail: "The signature does not hold.",
    count: 1,
  },
  { _tag: "ClockStepped", pool: "p", runnerId: "r", stepMs: -3_600_000 },
];

afterEach(() => vi.restoreAllMocks());

describe("the log sink", () => {
  test("logs a failed call once, with all of its ids", () => {
    const { written, logger } = collect();
    makeLogSink(logger).emit(
      call(new InvokeError("timeout", "It took too long.", { phase: "handler", runnerId: "r1" })),
    );
    expect(written).toEqual([
      {
        level: "warn",
        message: 'billing/charge failed in pool "gpu" after 1235 ms and 2 attempts (timeout): It took too long.',
        meta: {
          "event.name": "rpc.client.call.exception",
          trace_id: span.traceId,
          span_id: span.spanId,
          "rpc.method": "billing/charge",
          "flame.pool.name": "gpu",
          "flame.invocation.id": "inv-1",
          "flame.attempt.count": 2,
          "flame.duration_ms": 1234.56,
          "flame.runner.id": "r1",
          "error.type": "DEADLINE_EXCEEDED",
          "flame.error.code": "timeout",
          "flame.error.phase": "handler",
          "flame.error.executed": "unknown",
          "exception.type": "InvokeError",
          "exception.message": "It took too long.",
          "exception.stacktrace": expect.stringMatching(/^InvokeError: It took too long\. \(timeout\)\n\s+at /),
        },
      },
    ]);
  });

  test("logs the exception of a handler, with secrets redacted", () => {
    const { written, logger } = collect();
    const thrown = new RangeError("key s3cr3t-key and password=hunter2");
    makeLogSink(logger, makeRedactor(["s3cr3t-key"])).emit(
      server(new InvokeError("remote_error", "The handler failed."), thrown),
    );
    expect(written).toHaveLength(1);
    expect(written[0]).toMatchObject({
      level: "error",
      meta: {
        "event.name": "rpc.server.call.exception",
        "exception.type": "RangeError",
        "exception.message": "key [redacted] and password=[redacted]",
        "flame.attempt.number": 2,
        trace_id: span.traceId,
      },
    });
    expect(written[0]!.message).toContain("RangeError: key [redacted]");
    expect(JSON.stringify(written)).not.toMatch(/s3cr3t|hunter2/);
  });

  test.each([
    [
      "the caller's side",
      "warn",
      (error: Error) => call(new InvokeError("remote_error", "It failed.", { cause: error })),
    ],
    ["the runner's side", "error", (error: Error) => server(new InvokeError("remote_error", "It failed."), error)],
  ] as const)("logs every cause with its code and stack, on %s", (_side, level, event) => {
    const refused = Object.assign(new Error("connect ECONNREFUSED, password=hunter2"), { code: "ECONNREFUSED" });
    const both = new AggregateError([refused, new RangeError("no address")], "all attempts failed");
    const error = new TypeError("fetch failed", { cause: both });
    (refused as Error).cause = error;
    const { written, logger } = collect();
    makeLogSink(logger).emit(event(error));
    expect(written).toMatchObject([{ level }]);
    const stack = String(written[0]!.meta!["exception.stacktrace"]);
    const headers = stack.split("\n").filter((line) => !/^\s+at /.test(line));
    expect(headers.slice(headers.findIndex((line) => line.includes("TypeError")))).toEqual([
      expect.stringMatching(/TypeError: fetch failed$/),
      "Caused by: AggregateError: all attempts failed",
      "Error 1 of 2: Error: connect ECONNREFUSED, password=[redacted] (ECONNREFUSED)",
      "Error 2 of 2: RangeError: no address",
    ]);
    expect(stack.match(/at .*logs\.test\.ts/g)?.length).toBeGreaterThanOrEqual(4);
  });

  test("limits the text of causes, and includes several of them", () => {
    let error = new Error(`the innermost ${"x".repeat(100_000)}`);
    for (let level = 0; level < 100; level++)
      error = new Error(`level ${level} ${"y".repeat(100_000)}`, { cause: error });
    const { written, logger } = collect();
    makeLogSink(logger).emit(server(new InvokeError("remote_error", "It failed."), error));
    const stack = String(written[0]!.meta!["exception.stacktrace"]);
    expect(stack.length).toBeLessThanOrEqual(16 * 1024);
    expect(stack.match(/^Caused by: /gm)?.length).toBeGreaterThan(1);
  });

  test("does not log success", () => {
    const { written, logger } = collect();
    const sink = makeLogSink(logger);
    sink.emit(call(undefined));
    sink.emit(server(undefined));
    sink.emit({ _tag: "CallStarted", method: "m/x", pool: "p" });
    sink.emit({ _tag: "LeaseEnded", pool: "p", durationMs: 1 });
    expect(written).toEqual([]);
  });

  test("logs a canceled call at level debug", () => {
    const { written, logger } = collect();
    makeLogSink(logger).emit(call(new InvokeError("canceled", "Canceled.")));
    expect(written.map(({ level }) => level)).toEqual(["debug"]);
  });

  test("logs every record of the catalog at its level, with attribute names of the catalog", () => {
    const { written, logger } = collect();
    const sink = makeLogSink(logger);
    for (const event of everyEvent) sink.emit(event);
    const levels = Object.fromEntries(written.map(({ level, meta }) => [meta!["event.name"], level]));
    expect(levels).toEqual(Object.fromEntries(Object.values(logs).map(({ name, level }) => [name, level])));
    const names = new Set(Object.values(attributes).map(({ name }) => name));
    expect(written.flatMap(({ meta }) => Object.keys(meta!)).filter((name) => !names.has(name))).toEqual([]);
  });

  test("logs a worker that cannot be stopped as an error, with what to do", () => {
    const written: Array<string> = [];
    const error = (message: string): void => void written.push(message);
    makeLogSink({ info: () => {}, warn: () => {}, error }).emit({ ...stuck, stopped: false });
    expect(written).toEqual([expect.stringContaining('Set isolation: "process"')]);
  });

  test("without a logger, prints warnings and errors as one line each, with stack and causes indented below", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const error = vi.spyOn(console, "error").mockImplementation(() => {});
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    const info = vi.spyOn(console, "info").mockImplementation(() => {});
    const sink = makeLogSink(undefined);
    for (const event of everyEvent) sink.emit(event);
    const cause = Object.assign(new Error("two\nfirelight error: forged"), { code: "E_CAUSE" });
    sink.emit(server(new InvokeError("remote_error", "failed"), new Error("two\n  lines", { cause })));
    sink.emit(call(new InvokeError("transport_error", "It is gone.", { cause })));
    const lines = [...warn.mock.calls, ...error.mock.calls];
    expect([warn.mock.calls.length, error.mock.calls.length, log.mock.calls.length, info.mock.calls.length]).toEqual([
      8, 5, 0, 0,
    ]);
    for (const args of lines) {
      expect(args).toHaveLength(1);
      expect(args[0]).not.toMatch(/\n(?! {4})/);
    }
    const [first, ...below] = String(error.mock.calls.at(-1)![0]).split("\n");
    expect(first).toBe(
      `firelight error: billing/charge failed on this runner after 5.0 ms, attempt 2 (remote_error): Error: two lines (trace ${span.traceId})`,
    );
    expect(below).toContainEqual(expect.stringMatching(/^ {4}\s+at .*logs\.test\.ts/));
    expect(below).toContain("    Caused by: Error: two");
    expect(below).toContain("    firelight error: forged (E_CAUSE)");
    const [warned, causes] = String(warn.mock.calls.at(-1)![0]).split("\n");
    expect(warned).toMatch(/\(transport_error\): It is gone\. \(trace/);
    expect(causes).toBe("    Caused by: Error: two");
  });

  test("passes records to exporters until they stop, and once to each logger", () => {
    const one = collect();
    const other = collect();
    const sink = makeLogSink(one.logger);
    const stops = [exportLogs(other.logger), exportLogs(one.logger)];
    sink.emit(everyEvent[0]!);
    for (const stop of stops) stop();
    sink.emit(everyEvent[0]!);
    expect([one.written.length, other.written.length]).toEqual([2, 1]);
  });

  test("drops debug records if the logger has no debug method", () => {
    const { written, logger } = collect();
    const sink = makeLogSink({ ...logger, debug: undefined });
    sink.emit({ _tag: "RunnerBooting", pool: "p", runnerId: "r", backend: "process", reason: "demand" });
    expect(written).toEqual([]);
  });
});
