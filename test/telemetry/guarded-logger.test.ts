/** A failing user logger does not affect the code that logs, and is reported once. */
import { afterEach, beforeEach, describe, expect, type MockInstance, onTestFinished, test, vi } from "vitest";
import type { Logger } from "../../src/contract/config/options.ts";
import { guardLogger } from "../../src/telemetry/guarded-logger.ts";
import { exportLogs, makeLogSink } from "../../src/telemetry/logs.ts";
import { waitFor } from "../harness/wait-for.ts";

let said: MockInstance<typeof console.error>;
let unhandled: Array<unknown>;
const note = (reason: unknown): void => void unhandled.push(reason);

beforeEach(() => {
  said = vi.spyOn(console, "error").mockImplementation(() => {});
  unhandled = [];
  process.on("unhandledRejection", note);
});

afterEach(() => {
  process.off("unhandledRejection", note);
  vi.restoreAllMocks();
});

const loggerThat = (run: () => unknown): Logger => ({ debug: run, info: run, warn: run, error: run });

const fail = (thrown: unknown) => (): never => {
  throw thrown;
};

describe("guardLogger", () => {
  test.each([
    [
      "throws",
      fail(new Error("disk full")),
      /error\(\) of the configured logger threw Error: disk full\. Log records are lost/,
    ],
    ["throws undefined", fail(undefined), /threw nothing/],
    ["throws an object without a prototype", fail(Object.create(null)), /threw an object/],
    ["rejects", async () => fail(new Error("disk full"))(), /rejected with Error: disk full/],
    ["returns a broken thenable", () => ({ then: fail(new Error("no")) }), /rejected with Error: no/],
  ])("reports a logger that %s once, and does not throw", async (_, run, text) => {
    const logger = guardLogger(loggerThat(run));
    for (let i = 0; i < 50; i++) logger.error("a record");
    await waitFor(() => said.mock.calls.length > 0, { what: "the failure to be reported" });
    await new Promise((resolve) => setImmediate(resolve));
    expect(said.mock.calls).toEqual([[expect.stringMatching(text)]]);
    expect(unhandled).toEqual([]);
  });

  test("calls only the methods that the logger has", () => {
    const error = vi.fn();
    const logger = guardLogger({ error } as unknown as Logger);
    logger.info("one");
    logger.debug?.("two");
    logger.error("three", { a: 1 });
    expect(error.mock.calls).toEqual([["three", { a: 1 }]]);
    expect(said).not.toHaveBeenCalled();
  });

  test("passes records to exporters if the logger throws", () => {
    const written: Array<string> = [];
    const write = (message: string): void => void written.push(message);
    onTestFinished(exportLogs({ info: write, warn: write, error: write }));
    makeLogSink(loggerThat(fail(new Error("no")))).emit({ _tag: "PoolSaturated", pool: "p", pending: 3, limit: 8 });
    expect(written).toEqual([expect.stringContaining("saturated")]);
  });
});
