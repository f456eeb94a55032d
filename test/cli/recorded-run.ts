/** Records the telemetry of a real run, with real runner processes, in a temporary folder. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { runtimes } from "../harness/runtimes.ts";
import { startProcess } from "../harness/start-process.ts";

export interface RecordedRun {
  readonly traces: string;
  readonly logs: string;
  remove(): void;
}

/** Runs `fixtures/recorded-parent.ts` on the runtime of the tests. */
export const recordRun = async (): Promise<RecordedRun> => {
  const folder = mkdtempSync(join(tmpdir(), "firelight-cli-"));
  const runtime = "bun" in process.versions ? runtimes.bun : runtimes.node;
  const parent = join(import.meta.dirname, "fixtures/recorded-parent.ts");
  await using run = await startProcess({ command: [runtime, parent, folder] });
  const end = await run.exited;
  expect(end, run.output()).toEqual({ code: 0, signal: null });
  return {
    traces: join(folder, "traces.jsonl"),
    logs: join(folder, "logs.jsonl"),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
};
