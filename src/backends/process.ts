/**
 * The process backend: runs runners as child processes on this machine. Use it for development and on machines with many
 * cores, and as the reference for your own backend.
 *
 * It leaves no runner behind, neither after a failed boot nor when this process exits or dies: each runner shares a pipe
 * with it and ends when the pipe closes. A module that is preloaded before the entry watches the pipe from the start.
 *
 * @module
 */
import "../contract/process/runtime-check.ts";
import { performance } from "node:perf_hooks";
import type { Backend, RunnerHandle, SpawnRequest } from "../contract/config/backend.ts";
import { maxTimerMs, milliseconds } from "../contract/validation/check-number.ts";
import { FailureSeries } from "../contract/failure-series.ts";
import { fileLocation, fn, oneOf, text } from "../contract/validation/option-checks.ts";
import { object, readOption } from "../contract/validation/option-schema.ts";
import { catchRejection, thrownText } from "../contract/user-function.ts";
import { awaitBoot, bootError, type BootReport, readyFault } from "./process-boot.ts";
import { command, variables, words } from "./process-checks.ts";
import { type RunnerProcess, startRunnerProcess } from "./process-child.ts";
import { checkCommandOptions, resolveCommand, runnerEnvironment } from "./process-command.ts";
import { type MemoryWatch, watchMemory } from "./process-memory.ts";
import { createTail, forEachLine, forwardLine, type RunnerOutput, secretsOf, type Tail } from "./process-output.ts";

export type { RunnerOutput } from "./process-output.ts";

/** Options of {@link processBackend}. Either `entry` or `command` is required. */
export interface ProcessBackendOptions {
  /**
   * The module that starts a runner: it registers the same services and calls `createRunnerServer()`. A path
   * (relative to `cwd`) or a `file:` URL; `new URL("./runner.ts", import.meta.url)` works from anywhere.
   */
  readonly entry?: string | URL;
  /**
   * The program that runs the entry. Runners of a program other than `node` and `bun` watch their parent only once
   * they are ready. Default: the runtime of this process.
   */
  readonly runtime?: string;
  /**
   * Arguments before the entry, such as `["--import", "firelight/otel/register"]`. Default: those of this process
   * (loaders, `--import`, memory limits), except for debugging, watching, testing and inline code; none if `runtime`
   * is set.
   */
  readonly runtimeArgs?: ReadonlyArray<string>;
  /** Arguments after the entry. Other users of the machine can read them: put secrets into `env`. Default: none. */
  readonly args?: ReadonlyArray<string>;
  /**
   * The whole command, instead of `entry`, `runtime`, `runtimeArgs` and `args`. It must pass file descriptor 3 to the
   * runner, as `exec` in a shell script does and `npx` does not. The runner watches its parent only once it is ready.
   */
  readonly command?: readonly [program: string, ...args: Array<string>];
  /** Working directory of the runner. Default: that of this process. */
  readonly cwd?: string;
  /** Environment variables to add to those of this process; `undefined` removes one. Default: none. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The address that runners listen on. Default: `127.0.0.1`. */
  readonly host?: string;
  /**
   * Where the output of runners goes. `forward`: to stdout and stderr of this process, line by line, prefixed with
   * `[runner id]`. `inherit`: there without a prefix; errors of failed boots then lack the last lines. `ignore`:
   * nowhere. Default: `forward`.
   */
  readonly logs?: "forward" | "inherit" | "ignore";
  /** Receives each line of output instead of `logs`. Default: none. */
  readonly onOutput?: (output: RunnerOutput) => void;
  /** Time between SIGTERM and SIGKILL when a runner is stopped, in milliseconds. Default: 10,000. */
  readonly stopGraceMs?: number;
}

/** A backend that runs runners as child processes. */
export interface ProcessBackend extends Backend {
  /** The backend's name in telemetry. */
  readonly name: "process";
  /**
   * Starts a runner. Resolves when the runner is ready.
   *
   * @param request the runner to start
   */
  spawn(request: SpawnRequest): Promise<RunnerHandle>;
  /**
   * Stops a runner: SIGTERM, then SIGKILL after `stopGraceMs`.
   *
   * @param runner the runner to stop
   */
  terminate(runner: RunnerHandle): Promise<void>;
  /** The current processes, booting ones included. */
  running(): ReadonlyArray<{
    /** The runner id. */
    readonly id: string;
    /** The process id. */
    readonly pid: number;
  }>;
}

const schema = object<ProcessBackendOptions>({
  entry: fileLocation(),
  runtime: text(),
  runtimeArgs: words,
  args: words,
  command,
  cwd: text(),
  env: variables,
  host: text(),
  logs: oneOf(["forward", "inherit", "ignore"]),
  onOutput: fn<NonNullable<ProcessBackendOptions["onOutput"]>>(),
  stopGraceMs: milliseconds({ min: 0, max: maxTimerMs }),
});

const defaultStopGraceMs = 10_000;

type OutputSink = (output: RunnerOutput) => void;

/** Returns the receiver of output lines. A user function that throws must not take the parent down. */
const outputSink = (options: ProcessBackendOptions): OutputSink => {
  const { onOutput } = options;
  if (onOutput === undefined) return options.logs === "ignore" ? () => {} : forwardLine;
  const episode = new FailureSeries();
  const failed = (how: string) => (error: unknown) => {
    if (!episode.begins(performance.now())) return;
    process.emitWarning(
      `The process backend's onOutput ${how} ${thrownText(error)}. Lines are lost until it works again.`,
      {
        code: "FLAME_ON_OUTPUT",
      },
    );
  };
  return (output) => {
    try {
      catchRejection(onOutput(output), failed("rejected with"));
    } catch (error) {
      failed("threw")(error);
    }
  };
};

/** Reads both streams. Lines printed during the boot are also kept for its error. */
const readOutput = (
  child: RunnerProcess,
  { runnerId, poolName }: SpawnRequest,
  sink: OutputSink,
  secrets: ReadonlyArray<string>,
  memory: MemoryWatch,
): { lastLines(): ReadonlyArray<string> | undefined; endOfBoot(): void } => {
  let tails: Record<"stdout" | "stderr", Tail> | undefined = {
    stdout: createTail(secrets),
    stderr: createTail(secrets),
  };
  for (const stream of ["stdout", "stderr"] as const) {
    if (child[stream] === null) continue;
    forEachLine(child[stream], (line) => {
      tails?.[stream].push(line);
      if (stream === "stderr") memory.look(line);
      sink({ runnerId, poolName, stream, line });
    });
  }
  return {
    lastLines: () => {
      if (tails === undefined || child.stderr === null) return undefined;
      return tails.stderr.lines().length > 0 ? tails.stderr.lines() : tails.stdout.lines();
    },
    endOfBoot: () => {
      tails = undefined;
    },
  };
};

/** Returns the steps of a boot. The steps that the runner reports are subtracted from `ready`. */
const bootPhases = (
  spawn: number,
  ready: number,
  told: Readonly<Record<string, number>> = {},
): Readonly<Record<string, number>> => {
  const toldMs = Object.values(told).reduce((sum, ms) => sum + ms, 0);
  return { spawn, ready: Math.max(0, ready - toldMs), ...told };
};

const discard = async (child: RunnerProcess): Promise<void> => {
  child.kill();
  await child.exited;
};

/**
 * Creates a backend that starts each runner as a child process. A running runner does not keep this process alive; a
 * boot or a stop in progress does.
 *
 * @param given options; either `entry` or `command` is required
 * @throws {ConfigError} if an option is invalid, or options contradict each other. `spawn` reports a missing entry.
 *
 * @example
 * ```ts
 * const flame = createFlame({
 *   pools: { default: { max: 4 } },
 *   backend: processBackend({ entry: new URL("./runner.ts", import.meta.url) }),
 * });
 * ```
 */
export const processBackend = (given: ProcessBackendOptions): ProcessBackend => {
  const options = readOption(schema, given, "processBackend");
  checkCommandOptions(options);
  const stopGraceMs = options.stopGraceMs ?? defaultStopGraceMs;
  const sink = outputSink(options);
  const inherit = options.logs === "inherit" && options.onOutput === undefined;
  const living = new Map<RunnerProcess, string>();
  const addressed = new Map<string, RunnerProcess>();
  const addressOf = ({ id, url }: RunnerHandle): string => `${id} ${url}`;

  const spawn = async (request: SpawnRequest): Promise<RunnerHandle> => {
    const startedAt = performance.now();
    const resolved = resolveCommand(options);
    const report = (lastLines: ReadonlyArray<string> | undefined): BootReport => ({
      request,
      command: resolved,
      startedAt,
      lastLines,
    });
    if (request.signal.aborted) throw bootError({ kind: "canceled" }, report(undefined));

    const env = runnerEnvironment(options.env ?? {}, options.host ?? "127.0.0.1", request);
    const memory = watchMemory();
    let child: RunnerProcess;
    try {
      child = startRunnerProcess(resolved, env, inherit ? "inherit" : "pipe", memory);
    } catch (cause) {
      throw bootError({ kind: "not_started", cause: cause as Error }, report(undefined));
    }
    living.set(child, request.runnerId);
    void child.ended.then(() => living.delete(child));
    const output = readOutput(child, request, sink, secretsOf(env), memory);
    let spawnedAt = startedAt;
    void child.started.then(() => (spawnedAt = performance.now()));

    const outcome = await awaitBoot(child, request);
    if (outcome.kind !== "ready") {
      await discard(child);
      throw bootError(outcome, report(output.lastLines()));
    }
    const fault = readyFault(outcome.message, request);
    if (fault !== undefined) {
      await discard(child);
      throw fault;
    }

    output.endOfBoot();
    const handle: RunnerHandle = {
      id: request.runnerId,
      url: outcome.message.url,
      exited: child.exited,
      bootPhases: bootPhases(spawnedAt - startedAt, performance.now() - spawnedAt, outcome.message.phases),
    };
    addressed.set(addressOf(handle), child);
    void child.exited.then(() => addressed.delete(addressOf(handle)));
    child.release();
    return handle;
  };

  return {
    name: "process",
    spawn,
    terminate: async (runner) => addressed.get(addressOf(runner))?.stop(stopGraceMs),
    running: () => [...living].flatMap(([{ pid }, id]) => (pid === undefined ? [] : [{ id, pid }])),
  };
};
