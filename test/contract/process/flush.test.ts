import { afterEach, describe, expect, test, vi } from "vitest";
import { flushAll, onFlush } from "../../../src/contract/process/flush.ts";

const stops: Array<() => void> = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
  vi.restoreAllMocks();
});

describe("flushAll", () => {
  test("waits for every hook", async () => {
    const done: Array<string> = [];
    stops.push(
      onFlush(() => done.push("now")),
      onFlush(() => new Promise<void>((resolve) => setImmediate(() => resolve(void done.push("later"))))),
    );
    await flushAll(5_000);
    expect(done).toEqual(["now", "later"]);
  });

  test("logs the error of a failed hook and continues with the others", async () => {
    const told = vi.spyOn(console, "error").mockImplementation(() => {});
    const done = vi.fn();
    stops.push(
      onFlush(() => {
        throw new Error("no receiver");
      }),
      onFlush(() => Promise.reject(new Error("refused"))),
      onFlush(done),
    );
    await expect(flushAll(5_000)).resolves.toBeUndefined();
    expect(done).toHaveBeenCalledTimes(1);
    expect(told.mock.calls.map(([, error]) => String(error))).toEqual(["Error: no receiver", "Error: refused"]);
  });

  test("stops waiting after its timeout", async () => {
    stops.push(onFlush(() => new Promise(() => {})));
    await expect(flushAll(10)).resolves.toBeUndefined();
  });

  test("does not run an unregistered hook, and runs one that is still registered a second time", async () => {
    const hook = vi.fn();
    const stop = onFlush(hook);
    stops.push(onFlush(hook));
    stop();
    await flushAll(5_000);
    expect(hook).toHaveBeenCalledTimes(1);
  });
});
