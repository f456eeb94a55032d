/**
 * An isolate in a child process of the runner. It leads a process group, so that processes that the handler started are
 * terminated with it. A pipe signals the exit of the runner, whatever the cause.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { inheritedRuntimeArgs } from "../../contract/process/exec-argv.ts";
import { type IsolateExit, isolateEnv, type StartLink } from "./isolate-link.ts";
import { type FromIsolate, ISOLATE_MARKER } from "./messages.ts";

/** The descriptor of the pipe in the child process. */
export const RUNNER_PIPE_FD = 3;

/** Whether a child process can have its own process group. */
export const ownGroup: boolean = process.platform !== "win32";

/** The most likely cause of the exit. The output of the child is part of the runner's output. */
const hintOf = (code: number | null, signal: string | null): string => {
  if (signal === "SIGABRT" || code === 134) return ", usually because it ran out of memory; see the runner's output";
  return signal === "SIGKILL" ? ", which is usually the kernel's OOM killer" : "";
};

const exitOf = (code: number | null, signal: string | null): IsolateExit => ({
  how: `${signal === null ? `exited with code ${code}` : `was ended by ${signal}`}${hintOf(code, signal)}`,
  starved: signal !== null,
  cause: undefined,
});

const killGroup = (child: ChildProcess): void => {
  if (child.pid === undefined) return;
  try {
    process.kill(ownGroup ? -child.pid : child.pid, "SIGKILL");
  } catch {
    child.kill("SIGKILL");
  }
};

/**
 * Children, channels and pipes have `unref`, which some of their types lack. On Bun the channel belongs to the child.
 */
const unreference = (handle: object | null | undefined): void => {
  if (handle && "unref" in handle && typeof handle.unref === "function") handle.unref();
};

/** Starts a child process. If it cannot be started, `onExit` is called at once. */
export const startChild: StartLink = ({ entry, settings, onMessage, onExit }) => {
  const child = spawn(process.execPath, [...inheritedRuntimeArgs(process.execArgv), entry, ...process.argv.slice(2)], {
    env: { ...isolateEnv(), [ISOLATE_MARKER]: JSON.stringify(settings) },
    detached: ownGroup,
    windowsHide: true,
    serialization: "advanced",
    stdio: ["ignore", "inherit", "inherit", "pipe", "ipc"],
  });
  const pipe = child.stdio[RUNNER_PIPE_FD];
  pipe?.on("error", () => {});
  child
    .on("message", (message) => onMessage(message as FromIsolate))
    .once("exit", (code, signal) => {
      pipe?.destroy();
      onExit(exitOf(code, signal));
    })
    .on("error", (error) => {
      if (child.pid === undefined) onExit({ how: "could not be started", starved: true, cause: error });
    });
  for (const handle of [child, child.channel, pipe]) unreference(handle);
  return {
    send: (message) => {
      if (child.connected) child.send(message, () => {});
    },
    kill: () => killGroup(child),
  };
};
