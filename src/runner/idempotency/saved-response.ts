/**
 * What is kept for a key, as text: how it ended, a line feed, and the encoded
 * result or the error's body. Both are JSON, so nothing is lost between bytes and
 * text.
 */
import { decodeErrorBody, encodeErrorBody, errorFromBody } from "../../contract/wire/error-body.ts";
import { type CallError, InvokeError } from "../../contract/errors.ts";

/** What a method gave: the encoded result, or why there is none. */
export type Result = { readonly body: Uint8Array } | { readonly error: CallError };

/** Whether an outcome is the last word on a key. What may be tried again, or never ran, is not. */
export const isFinal = (result: Result): boolean =>
  "body" in result ||
  (result.error.executed === "yes" &&
    !result.error.retryable &&
    result.error.code !== "canceled" &&
    result.error.code !== "timeout");

/** The text to keep. With `exposeErrors` it has what handlers said of their failures. */
export const encodeSaved = (result: Result, exposeErrors: boolean): string => {
  const body = "body" in result ? result.body : encodeErrorBody(result.error, exposeErrors);
  return `${"body" in result ? "ok" : "error"}\n${Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8")}`;
};

/** What stands for a result that is too large to keep. */
export const tooLargeToKeep = (method: string, bytes: number, maxReplyBytes: number): Result => ({
  error: new InvokeError(
    "payload_too_large",
    `${method} has run for this idempotency key, and its result of ${bytes} bytes went to who asked first: idempotency.maxReplyBytes keeps ${maxReplyBytes}. Raise it, or return a reference to the result.`,
    { executed: "yes", phase: "handler" },
  ),
});

/** Reads what a store gave back; an error when it is nothing that was kept. */
export const decodeSaved = (saved: string, method: string): Result => {
  if (saved.startsWith("ok\n")) return { body: Buffer.from(saved.slice(3)) };
  const body = saved.startsWith("error\n") ? decodeErrorBody(Buffer.from(saved.slice(6))) : undefined;
  return {
    error:
      body === undefined
        ? new InvokeError(
            "invoke_error",
            `${method}: the idempotency store gave back something that was never kept in it. See that nothing else writes to its keys.`,
            { executed: "unknown", phase: "runner_queue" },
          )
        : errorFromBody(body, {}),
  };
};
