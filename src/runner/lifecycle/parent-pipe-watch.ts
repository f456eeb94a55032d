/**
 * Terminates a runner or an isolate whose parent has exited. The watch runs in a worker thread with its own event loop,
 * so that it works even if a handler blocks the main thread forever.
 */
import { Worker } from "node:worker_threads";

const defaultGraceMs = 2_000;

/** The options of the watch. */
export interface OrphanWatchOptions {
  /** The descriptor whose end of file means that the parent has exited. */
  readonly fd: number;
  /** How long after that the process is killed if its main thread does not exit, in milliseconds. Default: 2,000. */
  readonly graceMs?: number;
  /** The process to kill; a negative number is a process group. Default: this process. */
  readonly target?: number;
  /** Called once on the main thread after the parent has exited, as soon as the main thread is free. */
  readonly onParentGone: () => void;
  /** Called if the watch fails. The runner would then outlive its parent. */
  readonly onFailure: (cause: unknown) => void;
}

/**
 * The program of the worker. It is a string and not a file, so that it works with every bundler and loader. Bun detects
 * the end of an inherited socket only through a file stream, Node only through a `Socket`.
 */
const program = `"use strict";
const { parentPort, workerData } = process.getBuiltinModule("node:worker_threads");
const gone = () => {
  parentPort.postMessage("gone");
  setTimeout(() => process.kill(workerData.target, "SIGKILL"), workerData.graceMs);
};
if (globalThis.Bun) {
  const drain = async () => { for await (const _ of Bun.file(workerData.fd).stream()); };
  drain().then(gone, gone);
} else {
  const { Socket } = process.getBuiltinModule("node:net");
  const pipe = new Socket({ fd: workerData.fd, readable: true, writable: false });
  pipe.on("error", () => {}).on("close", gone).resume();
}`;

/**
 * Starts the watch, and returns a function that stops it. The watch does not keep the process alive, and does not run
 * `--import` or `--require` hooks of the host.
 */
export const watchForParent = (options: OrphanWatchOptions): (() => void) => {
  let worker: Worker;
  try {
    worker = new Worker(program, {
      eval: true,
      name: "firelight-orphan-watch",
      execArgv: [],
      env: {},
      workerData: {
        fd: options.fd,
        graceMs: options.graceMs ?? defaultGraceMs,
        target: options.target ?? process.pid,
      },
    });
  } catch (cause) {
    options.onFailure(cause);
    return () => {};
  }
  worker.once("message", options.onParentGone);
  worker.on("error", options.onFailure);
  worker.unref();
  return () => {
    worker.removeListener("message", options.onParentGone);
    void worker.terminate();
  };
};
