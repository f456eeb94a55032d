/**
 * Starts real processes for tests, reads their output, and leaves none behind.
 */
import { execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { waitFor } from "./wait-for.ts";

export interface StartOptions {
  /** The program and its arguments. */
  readonly command: readonly [string, ...Array<string>];
  readonly cwd?: string;
  /** Added to the environment of the test. `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process under test. `await using` kills it at the end of the block. */
export interface StartedProcess extends AsyncDisposable {
  readonly pid: number;
  readonly exited: Promise<ProcessEnd>;
  /** Its output so far, both streams in the order of arrival. */
  output(): string;
  /** Waits for the first match of `pattern` in the output. Rejects if the process exits without one. */
  waitForOutput(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  kill(signal?: NodeJS.Signals): void;
}

const leftovers = new Set<() => void>();
process.on("exit", () => {
  for (const kill of leftovers) kill();
});

/** Starts a process. Rejects if the program cannot be started. */
export const startProcess = async ({
  command: [program, ...args],
  cwd,
  env,
}: StartOptions): Promise<StartedProcess> => {
  const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  const read = (stream: Readable): void => {
    stream.setEncoding("utf8").on("data", (text: string) => (printed += text));
  };
  read(child.stdout);
  read(child.stderr);

  const kill = (signal: NodeJS.Signals = "SIGKILL"): void => void child.kill(signal);
  leftovers.add(kill);
  let closed = false;
  child.once("close", () => (closed = true));
  const exited = new Promise<ProcessEnd>((resolve) => {
    child.once("exit", (code, signal) => {
      leftovers.delete(kill);
      resolve({ code, signal });
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });

  return {
    pid: child.pid!,
    exited,
    output: () => printed,
    waitForOutput: async (pattern, timeoutMs = 30_000) => {
      const found = await waitFor(() => pattern.exec(printed) ?? closed, {
        timeoutMs,
        what: `${pattern} in the output of ${program}:\n${printed}`,
      });
      if (found !== true) return found;
      const late = pattern.exec(printed);
      if (late === null) throw new Error(`${program} ended without printing ${pattern}. It printed:\n${printed}`);
      return late;
    },
    kill,
    [Symbol.asyncDispose]: async () => {
      kill();
      await exited;
    },
  };
};

const ps = (pid: number, column: string): string | undefined => {
  try {
    return execFileSync("ps", ["-ww", "-o", `${column}=`, "-p", String(pid)], { encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
};

/** The state of a process. On Linux, read from /proc: `ps` is too expensive for tests that check every few milliseconds. */
const stateOf = (pid: number): string | undefined => {
  if (process.platform !== "linux") return ps(pid, "stat");
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2);
  } catch {
    return undefined;
  }
};

/** Whether a process is running. A zombie is not. */
export const isAlive = (pid: number): boolean => {
  const state = stateOf(pid);
  return state !== undefined && state !== "" && !state.startsWith("Z");
};

/** A process's command line, as visible to every user of the machine. */
export const commandLineOf = (pid: number): string => ps(pid, "args") ?? "";
