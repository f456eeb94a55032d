import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { isAlive, startProcess } from "../harness/start-process.ts";
import { waitFor } from "../harness/wait-for.ts";
import { books, now, seeded, size } from "./setup.ts";

const program = fileURLToPath(new URL("./fixtures/parent.ts", import.meta.url));

test("a parent that is killed while booting or serving leaves no runner after five seconds", async () => {
  const chance = seeded();
  const { env, allow } = books();
  const folder = mkdtempSync(join(tmpdir(), "firelight-orphans-"));
  const file = join(folder, "pids");
  appendFileSync(file, "");
  const pids = (): ReadonlyArray<number> => readFileSync(file, "utf8").split("\n").filter(Boolean).map(Number);
  const living = (): ReadonlyArray<number> => pids().filter(isAlive);
  onTestFinished(() => {
    for (const pid of living()) process.kill(pid, "SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });

  const rounds = size({ long: 50, short: 5 });
  let slowest = 0;
  for (let round = 0; round < rounds; round++) {
    await using parent = await startProcess({
      command: [process.execPath, program],
      env: { ...env, CHAOS_PIDS: file },
    });
    const serving = round % 2 === 0;
    await parent.waitForOutput(serving ? /serving/ : /booting/);
    await sleep(chance.whole(0, 400));
    const before = pids().length;
    parent.kill("SIGKILL");
    const killedAt = now();
    await parent.exited;
    await waitFor(() => living().length === 0, {
      what: "all runners to exit",
      timeoutMs: allow(5_000),
      everyMs: 50,
    });
    slowest = Math.max(slowest, now() - killedAt);
    if (serving) expect(before).toBeGreaterThanOrEqual(2);
  }
  await waitFor(() => living().length === 0, { what: "runners that were still booting to exit" });
  console.log(
    `${pids().length} runners of ${rounds} killed parents; the last one was gone after ${slowest.toFixed(0)} ms at most`,
  );
  expect(pids().length).toBeGreaterThanOrEqual(rounds);
  expect(living()).toEqual([]);
});
