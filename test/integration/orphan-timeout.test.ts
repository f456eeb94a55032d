/** Runners without a pipe to their parent, as on another host, whose parent dies. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { isAlive, startProcess } from "../harness/start-process.ts";
import { waitFor } from "../harness/wait-for.ts";
import { notes } from "./setup.ts";

const program = fileURLToPath(new URL("./fixtures/lone-parent.ts", import.meta.url));
const orphanTimeoutMs = 800;

const startFamily = async (...args: ReadonlyArray<string>) => {
  const folder = mkdtempSync(join(tmpdir(), "firelight-lone-"));
  const log = join(folder, "log");
  const parent = await startProcess({
    command: [process.execPath, program, String(orphanTimeoutMs), ...args],
    env: { LONE_RUNNER_LOG: log },
  });
  let pid = 0;
  onTestFinished(async () => {
    await parent[Symbol.asyncDispose]();
    if (pid > 0 && isAlive(pid)) process.kill(pid, "SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });
  pid = Number((await parent.waitForOutput(/^started (\d+)$/m))[1]);
  await parent.waitForOutput(/^up$/m);
  const drained = (): ReadonlyArray<Record<string, unknown>> =>
    readFileSync(log, "utf8")
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter((record) => record["event.name"] === "flame.runner.draining");
  return { parent, pid, drained };
};

test("an idle runner stays up past its orphan timeout while its parent lives, and drains and exits when the parent is killed", async () => {
  const { parent, pid, drained } = await startFamily();
  const until = performance.now() + 3 * orphanTimeoutMs;
  await waitFor(() => performance.now() > until || !isAlive(pid), {
    what: "three orphan timeouts to pass",
  });
  expect(isAlive(pid)).toBe(true);
  parent.kill("SIGKILL");
  await waitFor(() => !isAlive(pid), { what: "the runner to exit", timeoutMs: orphanTimeoutMs + 5_000 });
  expect(drained()).toEqual([
    expect.objectContaining({
      "flame.runner.termination.reason": "orphaned",
      "flame.reason": expect.stringContaining(`within ${orphanTimeoutMs} ms`),
    }),
  ]);
});

test("an orphaned runner finishes its detached call before it exits", async () => {
  const { file, lines } = notes();
  const { parent, pid, drained } = await startFamily(file);
  await waitFor(() => lines().length === 1, { what: "the handler to start" });
  parent.kill("SIGKILL");
  await waitFor(() => !isAlive(pid), { what: "the runner to exit" });
  expect(lines().map((line) => line.split(" ")[0])).toEqual(["start", "end"]);
  expect(drained()).toHaveLength(1);
});
