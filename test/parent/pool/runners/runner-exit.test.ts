import { expect, test } from "vitest";
import { describeExit, readExit } from "../../../../src/parent/pool/runners/runner-handle.ts";

test.each([
  [{ code: 3, signal: null, reason: "exited with code 3" }, "exited with code 3"],
  [{ code: 137, reason: "evicted by the cluster" }, "evicted by the cluster (exit code 137)"],
  [{ signal: "SIGKILL", outOfMemory: true }, "signal SIGKILL, out of memory"],
  [{ code: 134, reason: "ran out of memory", outOfMemory: true }, "ran out of memory (exit code 134)"],
  [{}, "exit code none, signal none"],
])("describeExit describes %j as %s", (exit, text) => {
  expect(readExit(exit)).toEqual(exit);
  expect(describeExit(exit)).toBe(text);
});

test("readExit ignores invalid and unreadable fields of a backend's exit", () => {
  const hostile = Object.defineProperty({ code: 1 }, "reason", {
    get: () => {
      throw new Error("no");
    },
  });
  expect(readExit(hostile)).toEqual({ code: 1 });
  expect(readExit({ code: "1", signal: 9, outOfMemory: "yes" })).toEqual({});
  expect(readExit(7)).toEqual({ reason: "its backend reported 7" });
});
