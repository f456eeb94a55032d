/**
 * The messages between a runner and its isolates: structured clones over the port of a worker thread or the IPC channel
 * of a child process.
 */
import type { Invocation } from "../../contract/wire/dispatcher.ts";
import type { IsolateKind } from "../../contract/config/isolation.ts";
import type { ThrownError } from "../../contract/thrown.ts";

/** What an isolate knows about its runner. */
export interface IsolateSettings {
  readonly runnerId: string;
  readonly poolName: string;
  /** The kind of the isolate. */
  readonly isolation: IsolateKind;
  /** The URL of the runner; empty in local mode. */
  readonly url: string;
  readonly port: number;
  readonly hostname: string;
  /** Maximum size of an encoded result, in bytes. */
  readonly maxBodyBytes: number;
}

/**
 * An invocation to run. An isolate has one at a time. The carrier is the one of the handler's span, which the runner
 * makes.
 */
export interface RunMessage extends Pick<
  Invocation,
  "method" | "invocationId" | "attempt" | "timeoutMs" | "idempotencyKey" | "carrier" | "body"
> {
  readonly _tag: "Run";
}

export type ToIsolate =
  | RunMessage
  /** Extends the deadline: callers with more time wait for the same execution. */
  | { readonly _tag: "Extend"; readonly timeoutMs: number }
  /** The deadline has passed: abort the handler's signal. */
  | { readonly _tag: "Expire" }
  /** The caller has disconnected, or the runner is stopping: abort the handler's signal. */
  | { readonly _tag: "Cancel" }
  /** Run the stop hook for up to `stopMs` milliseconds, flush telemetry, and exit. */
  | { readonly _tag: "Exit"; readonly stopMs: number };

/**
 * The outcome of an execution: the encoded result, or an `ErrorBody` as JSON with what the handler threw, for the
 * runner's log.
 */
export type RunEnd =
  | { readonly outcome: "ok"; readonly body: Uint8Array }
  | { readonly outcome: "error"; readonly body: Uint8Array; readonly thrown: ThrownError | undefined };

export type FromIsolate =
  /** The methods are registered, and `onRunnerStart` is running. */
  | { readonly _tag: "Starting" }
  /** It failed. */
  | { readonly _tag: "StartFailed"; readonly thrown: ThrownError }
  /** The isolate is ready. */
  | { readonly _tag: "Ready" }
  /** The handler is being called. */
  | { readonly _tag: "Started" }
  /** The handler has ended, in time or late. The isolate is free. */
  | { readonly _tag: "Ended"; readonly end: RunEnd };

/** The environment variable of a process and the field of a thread's `workerData` that mark isolates. */
export const ISOLATE_MARKER = "FLAME_ISOLATE";

/** Copies bytes that share a buffer. A structured clone would copy the whole buffer, with the data of others. */
export const ownBytes = (bytes: Uint8Array): Uint8Array =>
  bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
