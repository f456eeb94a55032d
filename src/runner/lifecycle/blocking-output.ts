/**
 * Makes the output of a runner blocking. Otherwise both runtimes buffer it in memory when the pipe is full, and the
 * last and most important lines are lost when the process exits, is killed, or runs out of memory.
 */
import { fstatSync, writeSync } from "node:fs";
import { readField } from "../../contract/thrown.ts";

const pause = new Int32Array(new SharedArrayBuffer(4));

const writeAll = (fd: number, bytes: Uint8Array): void => {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if (readField(error, "code") !== "EAGAIN") return;
      Atomics.wait(pause, 0, 0, 1);
    }
  }
};

type Write = NodeJS.WriteStream["write"];

/** Bun's streams have no blocking mode, so their `write` is replaced. */
const writeBlocking =
  (fd: number): Write =>
  (chunk: string | Uint8Array, encoding?: unknown, callback?: unknown): boolean => {
    const bytes =
      typeof chunk === "string"
        ? Buffer.from(chunk, typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8")
        : chunk;
    writeAll(fd, bytes);
    const written = typeof encoding === "function" ? encoding : callback;
    if (typeof written === "function") process.nextTick(written);
    return true;
  };

const isPipe = (fd: number): boolean => {
  try {
    const status = fstatSync(fd);
    return status.isFIFO() || status.isSocket();
  } catch {
    return false;
  }
};

let done = false;

/** Makes stdout and stderr of this process blocking if they are pipes. Once per process. */
export const makeOutputBlocking = (): void => {
  if (done) return;
  done = true;
  for (const fd of [1, 2]) {
    if (!isPipe(fd)) continue;
    const stream = fd === 1 ? process.stdout : process.stderr;
    if ("Bun" in globalThis) {
      stream.write = writeBlocking(fd);
      continue;
    }
    const handle = readField(stream, "_handle") as { setBlocking?: (blocking: boolean) => unknown } | undefined | null;
    handle?.setBlocking?.(true);
  }
};
