import { expect, test } from "vitest";
import { watchMemory } from "../../src/backends/process-memory.ts";

const ended = (lines: ReadonlyArray<string>, exit: { code: number | null; signal: string | null }): boolean => {
  const watch = watchMemory();
  for (const line of lines) watch.look(line);
  return watch.ranOut(exit);
};

const aborted = { code: null, signal: "SIGABRT" };
const stack = Array.from({ length: 20 }, (_, index) => `${index}: 0x931db0  [node]`);

test.each([
  ["Node", "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"],
  ["Bun", "ASSERTION FAILED: MemoryExhaustion: Crash intentionally because memory is exhausted."],
])("detects that %s ran out of memory, from the message that it prints before its stack", (_runtime, line) => {
  expect(ended(["before", line, ...stack], aborted)).toBe(true);
  expect(ended([line, ...stack], { code: 134, signal: null })).toBe(true);
});

test("counts an uncaught allocation failure as out of memory", () => {
  expect(ended(["RangeError: Out of memory", "      at job.ts:1:39"], { code: 1, signal: null })).toBe(true);
  expect(ended(["RangeError: Array buffer allocation failed"], { code: 1, signal: null })).toBe(true);
});

test("does not report out of memory for other errors, exit code 0 or a message printed long before the exit", () => {
  expect(ended(["TypeError: x is not a function"], { code: 1, signal: null })).toBe(false);
  expect(ended(["RangeError: Out of memory"], { code: 0, signal: null })).toBe(false);
  expect(ended(["RangeError: Out of memory", ...Array.from({ length: 100 }, () => "work")], aborted)).toBe(false);
});
