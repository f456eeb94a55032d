/** Runs the `firelight` command in a process, from its sources, on the runtime of the tests. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { runtimes } from "../harness/runtimes.ts";

const main = join(import.meta.dirname, "../../src/cli/main.ts");
const runtime = "bun" in process.versions ? runtimes.bun : runtimes.node;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Its standard input. */
  readonly input?: string;
}

/** Resolves when the command has exited, with any exit code. */
export const firelight = (args: ReadonlyArray<string>, { cwd, env, input = "" }: RunOptions = {}): Promise<Ran> =>
  new Promise((resolve, reject) => {
    const clean = { NO_COLOR: "1", COLUMNS: "100", FLAME_SECRET: undefined, OTEL_EXPORTER_OTLP_ENDPOINT: undefined };
    const options = { cwd, env: { ...process.env, ...clean, ...env }, timeout: 25_000, maxBuffer: 50_000_000 };
    const child = execFile(runtime, [main, ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === "number") resolve({ code, stdout, stderr });
      else reject(error ?? new Error("The command did not exit."));
    });
    child.stdin?.end(input);
  });
