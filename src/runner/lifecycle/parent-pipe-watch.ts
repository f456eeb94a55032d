/**
 * The watch that ends a runner, or an isolate, whose parent is gone. It lives in a worker thread
 * with an event loop of its own, so that it works even while a handler keeps the
 * main thread busy for good.
 */
import { Worker } from "node:worker_threads";

const defaultGraceMs = 2_000;

/** What the watch needs to know. */
export interface OrphanWatchOptions {
  /** The descriptor whose end of file says that the parent is gone. */
  readonly fd: number;
  /** Milliseconds from then until the process is killed whose main thread does not end it. Default 2 000. */
  readonly graceMs?: number;
  /** The process to kill then, or less than 0 for its group. Default: this process. */
  readonly target?: number;
  /** Called once on the main thread, as soon as it has a moment, when the parent is gone. */
  readonly onParentGone: () => void;
  /** Called when the watch cannot work; the runner would then outlive a parent that dies. */
  readonly onFailure: (cause: unknown) => void;
}

/**
 * The worker's program. It is text and not a file, so that it survives every
 * bundler and loader. Bun sees the end of an inherited socket through its file
 * stream only, Node through a `Socket` only.
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
 * Starts the watch and gives back what stops it. The watch does not keep the
 * process alive, and runs none of the host's `--import` or `--require` hooks.
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
