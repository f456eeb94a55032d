/**
 * What a runner and its isolates say to each other, as structured clones: over the
 * port of a worker thread, or over the IPC channel of a child process.
 */
import type { Invocation } from "../../contract/wire/dispatcher.ts";
import type { IsolateKind } from "../../contract/config/isolation.ts";
import type { ThrownError } from "../../contract/thrown.ts";

/** What an isolate must know of its runner. */
export interface IsolateSettings {
  readonly runnerId: string;
  readonly poolName: string;
  /** What it is. */
  readonly isolation: IsolateKind;
  /** Where the runner listens; empty in local mode. */
  readonly url: string;
  readonly port: number;
  readonly hostname: string;
  /** Most bytes of an encoded result. */
  readonly maxBodyBytes: number;
}

/**
 * An invocation to run, as it came over the wire. An isolate has one at a time. The carrier is that of the handler's
 * span, which is made on the runner.
 */
export interface RunMessage extends Pick<
  Invocation,
  "method" | "invocationId" | "attempt" | "timeoutMs" | "idempotencyKey" | "carrier" | "body"
> {
  readonly _tag: "Run";
}

export type ToIsolate =
  | RunMessage
  /** Callers with more time wait for the same run. */
  | { readonly _tag: "Extend"; readonly timeoutMs: number }
  /** The deadline has passed: abort the handler's signal. */
  | { readonly _tag: "Expire" }
  /** The caller is gone, or the runner stops: abort the handler's signal. */
  | { readonly _tag: "Cancel" }
  /** Run the stop hook, for so many milliseconds at most, send out what is buffered, and exit. */
  | { readonly _tag: "Exit"; readonly stopMs: number };

/** How a run ended: the encoded result, or an `ErrorBody` as JSON and what the handler threw, for the runner's log. */
export type RunEnd =
  | { readonly outcome: "ok"; readonly body: Uint8Array }
  | { readonly outcome: "error"; readonly body: Uint8Array; readonly thrown: ThrownError | undefined };

export type FromIsolate =
  /** It has its methods, and runs `onRunnerStart`. */
  | { readonly _tag: "Starting" }
  /** That has failed. */
  | { readonly _tag: "StartFailed"; readonly thrown: ThrownError }
  /** It has its methods, and takes runs. */
  | { readonly _tag: "Ready" }
  /** The handler is being called. */
  | { readonly _tag: "Started" }
  /** The handler has ended, in time or not; the isolate is free. */
  | { readonly _tag: "Ended"; readonly end: RunEnd };

/** The environment variable, and the field of `workerData`, by which a process and a thread know that they are isolates. */
export const ISOLATE_MARKER = "FLAME_ISOLATE";

/** Bytes with a buffer of their own: a clone takes the whole buffer along, and small ones share it with strangers. */
export const ownBytes = (bytes: Uint8Array): Uint8Array =>
  bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
