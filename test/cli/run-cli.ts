/** Runs the `firelight` command from its sources: in this process, or as a process of its own on the runtime of the tests. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { runCommand } from "../../src/cli/run-command.ts";
import { makeTerminal } from "../../src/cli/terminal.ts";
import { runtimes } from "../harness/runtimes.ts";

const main = join(import.meta.dirname, "../../src/cli/main.ts");
const runtime = "bun" in process.versions ? runtimes.bun : runtimes.node;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Its working directory. Default: that of the tests. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface ProcessOptions extends RunOptions {
  /** Its standard input. */
  readonly input?: string;
}

const environment = (env: RunOptions["env"]): NodeJS.ProcessEnv => ({
  ...process.env,
  NO_COLOR: "1",
  COLUMNS: "100",
  FLAME_SECRET: undefined,
  OTEL_EXPORTER_OTLP_ENDPOINT: undefined,
  ...env,
});

/** Runs a command in this process: a process of its own would spend its time on loading the sources again. */
export const firelight = async (args: ReadonlyArray<string>, { cwd, env }: RunOptions = {}): Promise<Ran> => {
  const printed = { stdout: "", stderr: "" };
  const stream = (name: keyof typeof printed) => ({ write: (text: string) => void (printed[name] += text) });
  const context = { env: environment(env), folder: cwd ?? process.cwd() };
  const terminal = makeTerminal({ out: stream("stdout"), err: stream("stderr") }, context.env);
  const code = await runCommand(args, { terminal, ...context });
  return { code, ...printed };
};

/** Runs a command as a process. Resolves when the command has exited, with any exit code. */
export const firelightProcess = (
  args: ReadonlyArray<string>,
  { cwd, env, input = "" }: ProcessOptions = {},
): Promise<Ran> =>
  new Promise((resolve, reject) => {
    const options = { cwd, env: environment(env), timeout: 25_000, maxBuffer: 50_000_000 };
    const child = execFile(runtime, [main, ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === "number") resolve({ code, stdout, stderr });
      else reject(error ?? new Error("The command did not exit."));
    });
    child.stdin?.end(input);
  });
