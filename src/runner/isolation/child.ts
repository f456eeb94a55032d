/**
 * An isolate that is a child process of the runner. It is the leader of a process
 * group, so that what the handler has started ends with it; a pipe tells it when the
 * runner is gone, however that ended.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { inheritedRuntimeArgs } from "../../contract/process/exec-argv.ts";
import { type IsolateExit, isolateEnv, type StartLink } from "./isolate-link.ts";
import { type FromIsolate, ISOLATE_MARKER } from "./messages.ts";

/** The descriptor of the pipe in the child. */
export const RUNNER_PIPE_FD = 3;

/** Whether a child can have a process group of its own. */
export const ownGroup: boolean = process.platform !== "win32";

/** What its end is most often for. What it printed went to the runner's own output. */
const hintOf = (code: number | null, signal: string | null): string => {
  if (signal === "SIGABRT" || code === 134)
    return ", most often because it ran out of memory; the runner's output says more";
  return signal === "SIGKILL" ? ", which is usually the kernel's for want of memory" : "";
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

/** Children, channels and pipes can be unreferenced, which their types do not all say; on Bun the channel goes with the child. */
const unreference = (handle: object | null | undefined): void => {
  if (handle && "unref" in handle && typeof handle.unref === "function") handle.unref();
};

/** Starts a child process. One that cannot be started ends at once. */
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
