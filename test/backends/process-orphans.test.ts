import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { type RuntimeName, runtimePairs, runtimes } from "../harness/runtimes.ts";
import { isAlive, type StartedProcess, startProcess } from "../harness/start-process.ts";
import { waitFor } from "../harness/wait-for.ts";

interface Family {
  readonly parent: StartedProcess;
  readonly replies: ReadonlyArray<string>;
  readonly pids: ReadonlyArray<number>;
  notes(): string;
}

const startFamily = async (
  pair: { parent: RuntimeName; child: RuntimeName },
  fixture: string,
  then: string,
): Promise<Family> => {
  const folder = mkdtempSync(join(tmpdir(), "firelight-"));
  const notes = join(folder, "notes");
  const program = fileURLToPath(new URL("./fixtures/parent.ts", import.meta.url));
  const parent = await startProcess({
    command: [runtimes[pair.parent], program, runtimes[pair.child], then],
    env: { FIXTURE: fixture, FIXTURE_NOTES: notes },
  });
  onTestFinished(async () => {
    await parent[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  const [, json] = await parent.waitForOutput(/^UP (.*)$/m);
  const { replies, running } = JSON.parse(json!) as { replies: Array<string>; running: Array<{ pid: number }> };
  return { parent, replies, pids: running.map(({ pid }) => pid), notes: () => readFileSync(notes, "utf8") };
};

const allGone = (pids: ReadonlyArray<number>): Promise<true> =>
  waitFor(() => pids.every((pid) => !isAlive(pid)), {
    timeoutMs: 5_000,
    everyMs: 50,
    what: `the runners ${pids.join(" and ")} to exit`,
  });

describe.each(runtimePairs)("parent on $parent, runners on $child", (pair) => {
  test("runners complete the handshake, and after SIGKILL to the parent they drain and exit", async () => {
    const { parent, replies, pids, notes } = await startFamily(pair, "well", "stay");
    expect(replies).toEqual(["well", "well"]);
    expect(pids.every(isAlive)).toBe(true);
    parent.kill("SIGKILL");
    await allGone(pids);
    expect(notes().match(/parent gone/g)).toHaveLength(2);
    expect(notes()).not.toContain("SIGTERM");
  });

  test("a runner that does not stop by itself is killed after SIGKILL to the parent", async () => {
    const { parent, pids, notes } = await startFamily(pair, "deaf", "stay");
    parent.kill("SIGKILL");
    await allGone(pids);
    expect(notes().match(/parent gone/g)).toHaveLength(2);
  });

  test("a runner whose main thread is blocked is killed after SIGKILL to the parent", async () => {
    const { parent, pids, notes } = await startFamily(pair, "spin", "stay");
    expect(pids.every(isAlive)).toBe(true);
    parent.kill("SIGKILL");
    await allGone(pids);
    expect(notes()).not.toContain("parent gone");
  });

  test.each(["waits", "spins"])(
    "a runner whose boot %s forever is killed after SIGKILL to the parent",
    async (fixture) => {
      const folder = mkdtempSync(join(tmpdir(), "firelight-"));
      const notes = join(folder, "notes");
      const program = fileURLToPath(new URL("./fixtures/booting-parent.ts", import.meta.url));
      const parent = await startProcess({
        command: [runtimes[pair.parent], program, runtimes[pair.child]],
        env: { FIXTURE: fixture, FIXTURE_NOTES: notes },
      });
      const pid = Number((await parent.waitForOutput(/^BOOTING (\d+)$/m))[1]);
      onTestFinished(async () => {
        await parent[Symbol.asyncDispose]();
        if (isAlive(pid)) process.kill(pid, "SIGKILL");
        rmSync(folder, { recursive: true });
      });
      await waitFor(() => existsSync(notes), { what: "the boot to hang" });
      expect(isAlive(pid)).toBe(true);
      parent.kill("SIGKILL");
      await allGone([pid]);
    },
  );

  test("runners do not keep a finished parent alive, and exit when it exits", async () => {
    const { parent, pids, notes } = await startFamily(pair, "well", "finish");
    expect(await parent.exited).toEqual({ code: 0, signal: null });
    await allGone(pids);
    expect(notes().match(/SIGTERM|parent gone/g)!.length).toBeGreaterThanOrEqual(2);
  });

  test("process.exit in the parent stops the runners with SIGTERM", async () => {
    const { parent, pids, notes } = await startFamily(pair, "signal", "exit");
    expect(await parent.exited).toEqual({ code: 5, signal: null });
    await allGone(pids);
    expect(notes()).toContain("SIGTERM");
  });
});
