/** An isolate in a worker thread of the runner. */
import { resolve } from "node:path";
import { Worker, type WorkerOptions } from "node:worker_threads";
import { type IsolateExit, isolateEnv, type StartLink } from "./isolate-link.ts";
import { type FromIsolate, ISOLATE_MARKER } from "./messages.ts";

const preloadFlag = /^(?:-r|--preload|--require|--import)(?:=(.*))?$/;

/** Modules that were preloaded. Node also loads them in workers; Bun does so only with this option. */
const preloaded = (execArgv: ReadonlyArray<string>): ReadonlyArray<string> =>
  execArgv.flatMap((flag, index) => {
    const match = preloadFlag.exec(flag);
    const module = match === null ? undefined : (match[1] ?? execArgv[index + 1]);
    if (module === undefined) return [];
    return [module.startsWith(".") ? resolve(module) : module];
  });

const exitOf = (code: number, cause: unknown): IsolateExit => {
  const outOfMemory = cause instanceof Error && "code" in cause && cause.code === "ERR_WORKER_OUT_OF_MEMORY";
  const how = outOfMemory
    ? "ran out of memory"
    : cause === undefined
      ? `exited with code ${code}`
      : "was terminated by an uncaught error";
  return { how, starved: outOfMemory, cause };
};

/** Starts a worker thread. Throws if the system cannot create one. */
export const startThread: StartLink = ({ entry, settings, onMessage, onExit }) => {
  const options: WorkerOptions & { preload?: ReadonlyArray<string> } = {
    name: "firelight-isolate",
    argv: process.argv.slice(2),
    env: isolateEnv(),
    workerData: { [ISOLATE_MARKER]: settings },
    ...("Bun" in globalThis ? { preload: preloaded(process.execArgv) } : {}),
  };
  const thread = new Worker(entry, options);
  let cause: unknown;
  thread
    .on("message", (message: FromIsolate) => onMessage(message))
    .on("error", (error) => (cause = error))
    .once("exit", (code) => onExit(exitOf(code, cause)))
    .unref();
  return {
    send: (message) => thread.postMessage(message),
    kill: () => void thread.terminate(),
  };
};
