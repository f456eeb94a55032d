import { join } from "node:path";
import { expect, test } from "vitest";
import { isAlive, startProcess } from "../harness/start-process.ts";

const main = join(import.meta.dirname, "../../examples/01-hello/main.ts");

test("the quick start calls a runner in another process, then makes a local call, and exits", async () => {
  await using example = await startProcess({ command: [process.execPath, main] });
  expect(await example.exited, example.output()).toEqual({ code: 0, signal: null });
  const printed = example.output();
  const runner = /^runner (\d+) serves http:\/\/127\.0\.0\.1:\d+$/m.exec(printed)?.[1];
  const [, parent, chargedBy] = /^parent (\d+): process (\d+) charged 50$/m.exec(printed) ?? [];
  const [, local, chargedHere] = /^local (\d+): process (\d+) charged 50$/m.exec(printed) ?? [];
  expect(printed.trim().split("\n")).toHaveLength(3);
  expect(chargedBy).toBe(runner);
  expect(parent).not.toBe(runner);
  expect(chargedHere).toBe(local);
  expect(isAlive(Number(runner))).toBe(false);
});
