/** The log of a run: what parent and runners have to say goes to a file, so that the terminal shows results. */
import { appendFileSync, writeFileSync } from "node:fs";
import type { Logger } from "firelight";
import type { RunnerOutput } from "firelight/backends/process";

export interface RunLog {
  readonly logger: Logger;
  /** For the process backend: what runners print. */
  readonly onOutput: (output: RunnerOutput) => void;
  /** Runners that have come up, by id, as the log records told. */
  readonly readyRunners: ReadonlySet<string>;
}

export const openRunLog = (path: string): RunLog => {
  writeFileSync(path, "");
  const write = (level: string, message: string): void =>
    appendFileSync(path, `${new Date().toISOString()} ${level.padEnd(5)} ${message}\n`);
  const readyRunners = new Set<string>();
  return {
    logger: {
      debug: (message) => write("debug", message),
      info: (message, meta) => {
        write("info", message);
        if (meta?.["event.name"] === "flame.runner.ready") readyRunners.add(String(meta["flame.runner.id"]));
      },
      warn: (message) => write("warn", message),
      error: (message) => write("error", message),
    },
    onOutput: ({ runnerId, line }) => write("print", `[${runnerId}] ${line}`),
    readyRunners,
  };
};
