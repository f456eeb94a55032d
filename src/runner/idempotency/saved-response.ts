/**
 * The stored outcome of a key, as text: `ok` or `error`, a line feed, and the encoded result or the body of the error.
 * Both are JSON, so text represents their bytes exactly.
 */
import { decodeErrorBody, encodeErrorBody, errorFromBody } from "../../contract/wire/error-body.ts";
import { type CallError, InvokeError } from "../../contract/errors.ts";

/** The outcome of a method: the encoded result, or the error. */
export type Result = { readonly body: Uint8Array } | { readonly error: CallError };

/** Whether an outcome is final. What can be retried, or never ran, is not. */
export const isFinal = (result: Result): boolean =>
  "body" in result ||
  (result.error.executed === "yes" &&
    !result.error.retryable &&
    result.error.code !== "canceled" &&
    result.error.code !== "timeout");

/** The text to store. With `exposeErrors` it includes the messages of failed handlers. */
export const encodeSaved = (result: Result, exposeErrors: boolean): string => {
  const body = "body" in result ? result.body : encodeErrorBody(result.error, exposeErrors);
  return `${"body" in result ? "ok" : "error"}\n${Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8")}`;
};

/** The error that is stored in place of a result that is too large. */
export const tooLargeToKeep = (method: string, bytes: number, maxReplyBytes: number): Result => ({
  error: new InvokeError(
    "payload_too_large",
    `${method} ran for this idempotency key, and its result of ${bytes} bytes went to the first caller. It was not stored, because idempotency.maxReplyBytes is ${maxReplyBytes}. Raise it, or return a reference to the result.`,
    { executed: "yes", phase: "handler" },
  ),
});

/** Decodes a stored outcome. Gives an error if it is invalid. */
export const decodeSaved = (saved: string, method: string): Result => {
  if (saved.startsWith("ok\n")) return { body: Buffer.from(saved.slice(3)) };
  const body = saved.startsWith("error\n") ? decodeErrorBody(Buffer.from(saved.slice(6))) : undefined;
  return {
    error:
      body === undefined
        ? new InvokeError(
            "invoke_error",
            `${method}: the idempotency store returned an invalid outcome. Make sure that nothing else writes to its keys.`,
            { executed: "unknown", phase: "runner_queue" },
          )
        : errorFromBody(body, {}),
  };
};
