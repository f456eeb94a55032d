/**
 * A runner process from start to end: its signals, its exit, and the hook that terminates all of them with this
 * process.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { type Duplex, PassThrough, type Readable } from "node:stream";
import type { RunnerExit } from "../contract/config/backend.ts";
import { SUPERVISION_FD } from "../contract/process/supervision.ts";
import type { ResolvedCommand } from "./process-command.ts";
import type { MemoryWatch } from "./process-memory.ts";

/** A started runner process. */
export interface RunnerProcess {
  /** `undefined` if the program could not be started. */
  readonly pid: number | undefined;
  /** The runner's output; absent if it is inherited. */
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** The supervision pipe; silent if the program could not be started. */
  readonly pipe: Duplex;
  /** Settles when the operating system has started the program, with the error if it failed. */
  readonly started: Promise<Error | undefined>;
  /** Settles when the process has exited. */
  readonly ended: Promise<unknown>;
  /** Settles when the process has exited and its output has been read. */
  readonly exited: Promise<RunnerExit>;
  /** Stops the process from keeping this process alive, once the runner is ready. */
  release(): void;
  /** Sends SIGTERM, then SIGKILL to what is left after `graceMs`. Idempotent. */
  stop(graceMs: number): Promise<void>;
  /** Sends SIGKILL to the whole process group. */
  kill(): void;
}

/**
 * How often to check for remaining output after the exit, in milliseconds. Reading continues as long as output arrives,
 * because a grandchild can hold the pipe open forever.
 */
const outputLagMs = 100;
/** Maximum time to read output after the exit, in milliseconds. */
const maxOutputLagMs = 2_000;

const ownGroup = process.platform !== "win32";

const endings = new Set<() => void>();

const endAll = (): void => {
  for (const end of endings) end();
};

/** Calls `end` when this process exits. All children share one exit hook, which exists while it is needed. */
const endWithThisProcess = (end: () => void): (() => void) => {
  if (endings.size === 0) process.on("exit", endAll);
  endings.add(end);
  return () => {
    endings.delete(end);
    if (endings.size === 0) process.off("exit", endAll);
  };
};

/** How a process ended. */
interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const describeExit = ({ code, signal }: ProcessExit): string =>
  signal === null ? `exited with code ${code}` : `was ended by ${signal}`;

/**
 * Waits for the end of the output or a time limit, then for one more turn of the event loop, which a busy one needs to
 * read its pipes.
 */
const lookLater = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      child.off("close", done);
      setImmediate(() => setImmediate(resolve));
    };
    const timer = setTimeout(done, outputLagMs);
    child.once("close", done);
  });

/** Unreferences a child's stream. Node and Bun support it, but the common type does not declare it. */
const unreference = (stream: object | null): void => {
  if (stream !== null && "unref" in stream && typeof stream.unref === "function") stream.unref();
};

const signalGroup = (child: ChildProcess, signal: NodeJS.Signals): void => {
  if (child.pid === undefined) return;
  try {
    if (ownGroup) process.kill(-child.pid, signal);
    else child.kill(signal);
  } catch {
    child.kill(signal);
  }
};

/**
 * Starts a runner in its own process group: a Ctrl-C for the parent lets it drain, and a kill also reaches the
 * processes that it started.
 */
export const startRunnerProcess = (
  command: ResolvedCommand,
  env: Record<string, string>,
  output: "pipe" | "inherit",
  memoryWatch: MemoryWatch,
): RunnerProcess => {
  const child = spawn(command.program, [...command.preload, ...command.args], {
    cwd: command.cwd,
    env,
    detached: ownGroup,
    windowsHide: true,
    stdio: ["ignore", output, output, "pipe"],
  });
  const pipe = (child.stdio[SUPERVISION_FD] as Duplex | null | undefined) ?? new PassThrough();
  pipe.on("error", () => {});

  let released = false;
  let killed = false;
  let stopReason: string | undefined;
  let stopping: Promise<void> | undefined;
  let over = false;

  const kill = (): void => {
    if (over) return;
    killed = true;
    signalGroup(child, "SIGKILL");
  };
  const forget = endWithThisProcess(() => {
    if (released && !killed) child.kill("SIGTERM");
    else kill();
  });

  const started = new Promise<Error | undefined>((resolve) => {
    child.once("spawn", () => resolve(undefined));
    child.once("error", resolve);
  });

  let closed = false;
  let printed = 0;
  child.once("close", () => (closed = true));
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: string) => (printed += chunk.length));

  const ended = new Promise<ProcessExit & { readonly error?: Error }>((resolve) => {
    const settle = (exit: ProcessExit & { readonly error?: Error }): void => {
      over = true;
      forget();
      const lag = setTimeout(() => pipe.destroy(), maxOutputLagMs).unref();
      pipe.once("close", () => clearTimeout(lag));
      resolve(exit);
    };
    child.once("exit", (code, signal) => settle({ code, signal }));
    child.on("error", (error) => {
      if (child.pid === undefined) settle({ code: null, signal: null, error });
    });
  });

  /** Waits until the output has been read. */
  const drained = async (): Promise<void> => {
    const endedAt = performance.now();
    for (let before = -1; !closed && printed > before && performance.now() - endedAt < maxOutputLagMs;) {
      before = printed;
      await lookLater(child);
    }
  };

  const reported = async (): Promise<RunnerExit> => {
    const { code, signal, error } = await ended;
    if (error !== undefined) return { code, signal, reason: error.message };
    await drained();
    if (stopReason !== undefined) return { code, signal, reason: stopReason };
    const how = describeExit({ code, signal });
    return memoryWatch.ranOut({ code, signal })
      ? { code, signal, reason: `ran out of memory and ${how}`, outOfMemory: true }
      : { code, signal, reason: how };
  };
  const exited = reported();

  const stop = async (graceMs: number): Promise<void> => {
    if (over) return void (await exited);
    child.ref();
    child.kill("SIGTERM");
    const forced = setTimeout(() => {
      stopReason = `was killed: it had not stopped ${graceMs} ms after SIGTERM`;
      kill();
    }, graceMs);
    await ended;
    clearTimeout(forced);
    await exited;
  };

  return {
    pid: child.pid,
    stdout: child.stdout,
    stderr: child.stderr,
    pipe,
    started,
    ended,
    exited,
    kill,
    stop: (graceMs) => (stopping ??= stop(graceMs)),
    release: () => {
      released = true;
      child.unref();
      for (const stream of [child.stdout, child.stderr, pipe]) unreference(stream);
    },
  };
};
