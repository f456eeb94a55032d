import { afterEach, describe, expect, it, vi } from "vitest";
import { InvokeError } from "../../src/contract/errors.ts";
import type { Logger } from "../../src/contract/options.ts";
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
];

afterEach(() => vi.restoreAllMocks());

describe("the log sink", () => {
  it("tells of a failed call once, with everything that finds it again", () => {
    const { written, logger } = collect();
    makeLogSink(logger).emit(
      call(new InvokeError("timeout", "It took too long.", { phase: "handler", runnerId: "r1" })),
    );
    expect(written).toEqual([
      {
        level: "warn",
        message: 'billing/charge failed after 1234.6 ms and 2 attempts in pool "gpu" with timeout: It took too long.',
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
        },
      },
    ]);
  });

  it("tells what a handler threw, without its secrets", () => {
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

  it("is silent about success", () => {
    const { written, logger } = collect();
    const sink = makeLogSink(logger);
    sink.emit(call(undefined));
    sink.emit(server(undefined));
    sink.emit({ _tag: "CallStarted", method: "m/x", pool: "p" });
    sink.emit({ _tag: "LeaseEnded", pool: "p", durationMs: 1 });
    expect(written).toEqual([]);
  });

  it("does not wake anybody for what the caller cancelled", () => {
    const { written, logger } = collect();
    makeLogSink(logger).emit(call(new InvokeError("canceled", "Cancelled.")));
    expect(written.map(({ level }) => level)).toEqual(["debug"]);
  });

  it("writes every record of the catalogue at its level, in names of the catalogue", () => {
    const { written, logger } = collect();
    const sink = makeLogSink(logger);
    for (const event of everyEvent) sink.emit(event);
    const levels = Object.fromEntries(written.map(({ level, meta }) => [meta!["event.name"], level]));
    expect(levels).toEqual(Object.fromEntries(Object.values(logs).map(({ name, level }) => [name, level])));
    const names = new Set(Object.values(attributes).map(({ name }) => name));
    expect(written.flatMap(({ meta }) => Object.keys(meta!)).filter((name) => !names.has(name))).toEqual([]);
  });

  it("makes an error of a worker that cannot be stopped, and says what to do", () => {
    const written: Array<string> = [];
    const error = (message: string): void => void written.push(message);
    makeLogSink({ info: () => {}, warn: () => {}, error }).emit({ ...stuck, stopped: false });
    expect(written).toEqual([expect.stringContaining('Give the method isolation: "process"')]);
  });

  it("without a logger writes warnings and errors in one line each, and nothing else", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const error = vi.spyOn(console, "error").mockImplementation(() => {});
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    const info = vi.spyOn(console, "info").mockImplementation(() => {});
    const sink = makeLogSink(undefined);
    for (const event of everyEvent) sink.emit(event);
    sink.emit(server(new InvokeError("remote_error", "failed"), new Error("two\n  lines")));
    const lines = [...warn.mock.calls, ...error.mock.calls];
    expect([warn.mock.calls.length, error.mock.calls.length, log.mock.calls.length, info.mock.calls.length]).toEqual([
      5, 4, 0, 0,
    ]);
    for (const args of lines) {
      expect(args).toHaveLength(1);
      expect(args[0]).not.toContain("\n");
    }
    expect(error.mock.calls.at(-1)![0]).toBe(
      `firelight error: billing/charge failed on this runner after 5.0 ms, attempt 2, with remote_error: Error: two lines (trace ${span.traceId})`,
    );
  });

  it("hands records to exporters too, each logger once, until they stop", () => {
    const one = collect();
    const other = collect();
    const sink = makeLogSink(one.logger);
    const stops = [exportLogs(other.logger), exportLogs(one.logger)];
    sink.emit(everyEvent[0]!);
    for (const stop of stops) stop();
    sink.emit(everyEvent[0]!);
    expect([one.written.length, other.written.length]).toEqual([2, 1]);
  });

  it("works with a logger that has no debug", () => {
    const { written, logger } = collect();
    const sink = makeLogSink({ ...logger, debug: undefined });
    sink.emit({ _tag: "RunnerBooting", pool: "p", runnerId: "r", backend: "process", reason: "demand" });
    expect(written).toEqual([]);
  });
});
