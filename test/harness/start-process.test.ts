import { expect, onTestFinished, test } from "vitest";
import { commandLineOf, isAlive, type StartedProcess, type StartOptions, startProcess } from "./start-process.ts";

const start = async (options: StartOptions): Promise<StartedProcess> => {
  const started = await startProcess(options);
  onTestFinished(() => started[Symbol.asyncDispose]());
  return started;
};

test("startProcess reads and matches the output of both streams", async () => {
  const started = await start({
    command: ["sh", "-c", 'echo "port $PORT"; echo oops >&2; exit 4'],
    env: { PORT: "81" },
  });
  expect((await started.waitForOutput(/port (\d+)/))[1]).toBe("81");
  await started.waitForOutput(/oops/);
  expect(await started.exited).toEqual({ code: 4, signal: null });
});

test("waitForOutput rejects with the output if the process exits without a match", async () => {
  const started = await start({ command: ["sh", "-c", "echo something else"] });
  await expect(started.waitForOutput(/ready/)).rejects.toThrow(
    /ended without printing \/ready\/\. It printed:\nsomething else/,
  );
});

test("a started process runs until it is killed", async () => {
  const started = await start({ command: ["sleep", "60"] });
  expect(isAlive(started.pid)).toBe(true);
  expect(commandLineOf(started.pid)).toBe("sleep 60");
  started.kill("SIGTERM");
  expect(await started.exited).toEqual({ code: null, signal: "SIGTERM" });
  expect(isAlive(started.pid)).toBe(false);
});

test("startProcess rejects if the program does not exist", async () => {
  await expect(startProcess({ command: ["no-such-program"] })).rejects.toMatchObject({ code: "ENOENT" });
});
