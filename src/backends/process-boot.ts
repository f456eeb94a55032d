/**
 * Boots a runner process: waits for its ready line. If the boot fails, the error says what happened, what the runner
 * printed last, and what to do.
 */
import { performance } from "node:perf_hooks";
import type { RunnerExit, SpawnRequest } from "../contract/config/backend.ts";
import { ConfigError, FlameError, type FlameErrorContext, InvokeError } from "../contract/errors.ts";
import { addressFault } from "../contract/config/runner-url.ts";
import {
  decodeSupervision,
  type FailedMessage,
  type ReadyMessage,
  SUPERVISION_FD,
} from "../contract/process/supervision.ts";
import type { RunnerProcess } from "./process-child.ts";
import type { ResolvedCommand } from "./process-command.ts";

/** The outcome of a boot. */
export type BootOutcome =
  | { readonly kind: "ready"; readonly message: ReadyMessage }
  | { readonly kind: "failed"; readonly message: FailedMessage }
  | { readonly kind: "not_started"; readonly cause: Error }
  | { readonly kind: "exited"; readonly exit: RunnerExit; readonly during: string | undefined }
  | { readonly kind: "timed_out"; readonly during: string | undefined }
  | { readonly kind: "canceled" }
  | { readonly kind: "garbled"; readonly text: string };

const maxLineLength = 16_384;
const maxTimerMs = 2_147_483_647;

/** Whether the pool aborted the boot because of its timeout, and not because the runner is no longer needed. */
const outOfTime = (reason: unknown): boolean => reason instanceof FlameError && reason.code === "no_runner";

/**
 * Waits for whichever comes first: the ready line, a failure line, the end of the process, the timeout, or the pool's
 * abort.
 */
export const awaitBoot = (child: RunnerProcess, request: SpawnRequest): Promise<BootOutcome> =>
  new Promise((resolve) => {
    const settle = (outcome: BootOutcome): void => {
      clearTimeout(timer);
      request.signal.removeEventListener("abort", onAbort);
      child.pipe.off("data", onData);
      child.pipe.resume();
      resolve(outcome);
    };
    const timedOut = (): void => settle({ kind: "timed_out", during });
    const onAbort = (): void => (outOfTime(request.signal.reason) ? timedOut() : settle({ kind: "canceled" }));
    const timer = setTimeout(timedOut, Math.min(request.timeoutMs, maxTimerMs));

    let during: string | undefined;
    let text = "";
    const onLine = (line: string): void => {
      const message = decodeSupervision(line);
      if (message === undefined) settle({ kind: "garbled", text: line });
      else if ("ready" in message) settle({ kind: "ready", message });
      else if ("failed" in message) settle({ kind: "failed", message });
      else during = message.starting;
    };
    const onData = (chunk: string): void => {
      text += chunk;
      const lines = text.split("\n");
      text = lines.pop()!;
      for (const line of lines) onLine(line);
      if (text.length > maxLineLength) settle({ kind: "garbled", text });
    };
    child.pipe.setEncoding("utf8");
    child.pipe.on("data", onData);
    request.signal.addEventListener("abort", onAbort, { once: true });
    void child.started.then((cause) => {
      if (cause !== undefined) settle({ kind: "not_started", cause });
    });
    void child.exited.then((exit) => settle({ kind: "exited", exit, during }));
    if (request.signal.aborted) onAbort();
  });

/** The inputs of a boot error. */
export interface BootReport {
  readonly request: SpawnRequest;
  readonly command: ResolvedCommand;
  /** `performance.now()` at the start of the boot. */
  readonly startedAt: number;
  /** The last lines of the runner's output; `undefined` if the output was not captured. */
  readonly lastLines: ReadonlyArray<string> | undefined;
}

const lastOutput = (lines: ReadonlyArray<string> | undefined): string => {
  if (lines === undefined) return " Its output went to this process's output above.";
  if (lines.length === 0) return " It printed nothing.";
  return ` Its last output:\n${lines.map((line) => `  | ${line}`).join("\n")}`;
};

const missingModule = /ERR_MODULE_NOT_FOUND|Cannot find (?:module|package) /;

const adviceOnExit = (
  { code, signal, outOfMemory }: RunnerExit,
  lastLines: ReadonlyArray<string> | undefined,
): string => {
  if (outOfMemory === true) return "Give it more memory, for example with --max-old-space-size in runtimeArgs.";
  if (code === 0)
    return "The entry ended without starting a runner server. Make it call createRunnerServer() and keep the returned server.";
  if (signal === "SIGKILL") return "An unexplained SIGKILL often means that the machine ran out of memory.";
  if (lastLines?.some((line) => missingModule.test(line)))
    return "A module that the entry imports is missing. If this program is bundled, build the runner as a separate entry point, pass the path of its output as entry, and deploy all files that the bundler wrote: see docs/bundlers.md.";
  return "Run the command manually with FLAME_MODE=runner to reproduce the failure.";
};

const whenItExited = (
  { exit, during }: Extract<BootOutcome, { kind: "exited" }>,
  elapsedMs: number,
  lastLines: ReadonlyArray<string> | undefined,
): string =>
  during === undefined
    ? `before it was ready, after ${elapsedMs} ms. ${adviceOnExit(exit, lastLines)}`
    : `while ${during} was running, after ${elapsedMs} ms.`;

const adviceOnTimeout = (during: string | undefined): string =>
  during === undefined
    ? "Check that the entry calls createRunnerServer(), or raise spawnTimeoutMs."
    : `${during} was still running: make it faster, or raise spawnTimeoutMs.`;

/** Rebuilds the error that the runner reported. */
const revive = ({ name, message, stack }: FailedMessage): Error =>
  Object.defineProperties(new Error(message), {
    name: { value: name, configurable: true, writable: true },
    stack: { value: stack ?? `${name}: ${message}`, configurable: true, writable: true },
  });

const commandLine = ({ program, args }: ResolvedCommand): string => [program, ...args].join(" ");

/** Error codes of a program that cannot be executed. Other failures, such as too many processes, may be temporary. */
const programFaults: ReadonlySet<unknown> = new Set([
  "ENOENT",
  "EACCES",
  "ENOTDIR",
  "ENOEXEC",
  "EISDIR",
  "ERR_INVALID_ARG_VALUE",
]);

const notStarted = (
  what: string,
  { program }: ResolvedCommand,
  context: FlameErrorContext,
): ConfigError | InvokeError =>
  programFaults.has((context.cause as NodeJS.ErrnoException).code)
    ? new ConfigError(
        `${what} Check that "${program}" exists and is executable, or set the process backend's runtime or command.`,
        context,
      )
    : new InvokeError(
        "unavailable",
        `${what} The operating system refused to start another process: check its limits on processes, memory and open files.`,
        context,
      );

/** Creates the error for a boot that did not end with a ready runner. */
export const bootError = (
  outcome: Exclude<BootOutcome, { kind: "ready" }>,
  { request, command, startedAt, lastLines }: BootReport,
): ConfigError | InvokeError => {
  const elapsedMs = Math.round(performance.now() - startedAt);
  const { runnerId, poolName: pool } = request;
  const context: FlameErrorContext = { phase: "acquire", executed: "no", pool, runnerId, elapsedMs };
  const runner = `Runner ${runnerId} of pool "${pool}"`;
  switch (outcome.kind) {
    case "not_started":
      return notStarted(`${runner} could not be started: ${outcome.cause.message}.`, command, {
        ...context,
        cause: outcome.cause,
      });
    case "failed":
      return new InvokeError(
        "unavailable",
        `${runner} could not start: ${outcome.message.failed} failed ${elapsedMs} ms into the boot with ${outcome.message.name}: ${outcome.message.message.replace(/\.$/, "")}.${lastOutput(lastLines)}`,
        { ...context, cause: revive(outcome.message) },
      );
    case "exited":
      return new InvokeError(
        "unavailable",
        `${runner} ${outcome.exit.reason} ${whenItExited(outcome, elapsedMs, lastLines)} ` +
          `Command: ${commandLine(command)}.${lastOutput(lastLines)}`,
        context,
      );
    case "timed_out":
      return new InvokeError(
        "unavailable",
        `${runner} was not ready after ${elapsedMs} ms and was killed (spawnTimeoutMs: ${request.timeoutMs}). ` +
          `${adviceOnTimeout(outcome.during)} Command: ${commandLine(command)}.${lastOutput(lastLines)}`,
        context,
      );
    case "canceled":
      return new InvokeError(
        "canceled",
        `${runner} was no longer needed ${elapsedMs} ms into its boot and was killed.`,
        {
          ...context,
          cause: request.signal.reason,
        },
      );
    case "garbled":
      return new ConfigError(
        `${runner} wrote something other than its ready line to descriptor ${SUPERVISION_FD} and was killed. ` +
          `Firelight uses that descriptor: do not write to it, and run the same version of firelight on both sides.${lastOutput(lastLines)}`,
        context,
      );
  }
};

/** Returns the error for an invalid ready line, if it is invalid. */
export const readyFault = (message: ReadyMessage, request: SpawnRequest): ConfigError | undefined => {
  const context: FlameErrorContext = { pool: request.poolName, runnerId: request.runnerId };
  if (message.runnerId !== request.runnerId) {
    return new ConfigError(
      `The runner started as ${request.runnerId} reported the id "${message.runnerId}" and was killed. ` +
        "Its entry must take the id from FLAME_RUNNER_ID; otherwise it rejects the requests signed for it.",
      context,
    );
  }
  const fault = addressFault(message.url);
  if (fault !== undefined) {
    return new ConfigError(
      `The address that runner ${request.runnerId} reported ${fault} The runner was killed.`,
      context,
    );
  }
  return undefined;
};
