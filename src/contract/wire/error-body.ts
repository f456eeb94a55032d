/**
 * Encodes failures for the wire: the body of a response whose outcome is `error`, and the error that the caller gets
 * from it. The error of a handler stays on the runner unless it is a `FlameMethodError` or `exposeErrors` is on.
 */
import { httpStatus, type ErrorBody } from "./envelope.ts";
import {
  ConfigError,
  InvokeError,
  RegistryError,
  type CallError,
  type Executed,
  type FlameErrorContext,
  type Phase,
  type RemoteFailure,
} from "../errors.ts";
import { type InstanceNote, readInstanceNote } from "./instance.ts";
import { isObject, requireSafeJson } from "../codec/limits.ts";
import { cutText, maxThrownDepth, maxThrownErrors, messageOf } from "../thrown.ts";

const MAX_TEXT = 8_192;
const MAX_STACK = 16_384;
const MAX_NAME = 256;
const MAX_DETAILS = 65_536;
/** Maximum size of an error body in bytes: more than all its parts together. */
const MAX_BODY = 524_288;
const MAX_RETRY_AFTER_MS = 3_600_000;

const phases: Readonly<Record<Phase, true>> = {
  configure: true,
  acquire: true,
  encode: true,
  network: true,
  runner_queue: true,
  handler: true,
  decode: true,
  backoff: true,
  other: true,
};
const executions: Readonly<Record<Executed, true>> = { no: true, unknown: true, yes: true };

/** Converts bigints to strings, and fails early for details that are too large. */
const detailsReplacer = (): ((key: string, value: unknown) => unknown) => {
  let size = 0;
  return (_key, value) => {
    size += 1 + (typeof value === "string" ? value.length : 0);
    if (size > MAX_DETAILS) throw new RangeError(`more than ${MAX_DETAILS} characters as JSON`);
    return typeof value === "bigint" ? String(value) : value;
  };
};

const safeDetails = (details: unknown): unknown => {
  try {
    const text = JSON.stringify(details, detailsReplacer());
    if (text === undefined) return undefined;
    if (text.length > MAX_DETAILS) return `[omitted: more than ${MAX_DETAILS} characters as JSON]`;
    const plain: unknown = JSON.parse(text);
    requireSafeJson(plain);
    return plain;
  } catch (cause) {
    return `[omitted: ${cutText(messageOf(cause), 200)}]`;
  }
};

const cutOptional = (text: string | undefined, limit = MAX_TEXT): string | undefined =>
  text === undefined ? undefined : cutText(text, limit);

/** A failure with its causes and stacks, for callers that may see all of it. */
const wholeRemote = (remote: RemoteFailure): RemoteFailure => ({
  name: cutOptional(remote.name, MAX_NAME),
  code: cutOptional(remote.code, MAX_NAME),
  message: cutOptional(remote.message),
  details: safeDetails(remote.details),
  stack: cutOptional(remote.stack, MAX_STACK),
  cause: remote.cause && wholeRemote(remote.cause),
  errors: remote.errors?.map(wholeRemote),
  exposed: remote.exposed,
});

/** The parts of a failure that the caller may see: all of it, what its handler disclosed, or nothing. */
const exposedRemote = (remote: RemoteFailure | undefined, exposeErrors: boolean): RemoteFailure | undefined => {
  if (remote === undefined) return undefined;
  if (exposeErrors) return wholeRemote(remote);
  if (remote.code === undefined || remote.exposed === true) return undefined;
  const { name, code, message, details } = remote;
  return wholeRemote({ name, code, message, details });
};

const boundedRetryAfter = (ms: number | undefined): number | undefined =>
  ms === undefined || !(ms >= 0) ? undefined : Math.min(ms, MAX_RETRY_AFTER_MS);

/**
 * Encodes an error as JSON. Never throws. `remote` is sent if the handler threw a `FlameMethodError` or with
 * `exposeErrors`; `details`, stacks and causes only with `exposeErrors`. The error's own message is always sent: it is
 * Firelight's and must not quote the handler's. Long texts are truncated, and details that are not JSON are replaced by
 * a note.
 *
 * @param draining whether the runner is stopping
 * @param instance the responding process, if the parent should sign the request again for it
 */
export const encodeErrorBody = (
  error: CallError,
  exposeErrors: boolean,
  draining = false,
  instance?: InstanceNote,
): Uint8Array => {
  const body: ErrorBody = {
    code: error.code,
    message: cutText(error.message, MAX_TEXT),
    retryable: error.retryable,
    executed: error.executed,
    phase: error.phase,
    retryAfterMs: boundedRetryAfter(error.retryAfterMs),
    draining: draining ? true : undefined,
    instance,
    details: exposeErrors ? safeDetails(error.details) : undefined,
    remote: exposedRemote(error.remote, exposeErrors),
  };
  return Buffer.from(JSON.stringify(body));
};

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const isOptionalText = (value: unknown): value is string | undefined =>
  value === undefined || typeof value === "string";

/** Reads nested failures, no more than a sender may send. */
class RemoteReader {
  #count = 0;

  /** `undefined` if it is not a failure. Invalid parts inside are dropped. */
  read(value: unknown, depth: number): RemoteFailure | undefined {
    if (!isObject(value) || depth > maxThrownDepth || ++this.#count > maxThrownErrors) return undefined;
    const { name, code, message, details, stack, cause, errors, exposed } = value;
    if (!isOptionalText(name) || !isOptionalText(code) || !isOptionalText(message) || !isOptionalText(stack))
      return undefined;
    const inner = this.read(cause, depth + 1);
    const all = Array.isArray(errors) ? errors.flatMap((error) => this.read(error, depth + 1) ?? []) : [];
    return {
      name,
      code,
      message,
      details,
      stack,
      ...(inner === undefined ? undefined : { cause: inner }),
      ...(all.length === 0 ? undefined : { errors: all }),
      ...(exposed === true ? { exposed } : undefined),
    };
  }
}

const readRemote = (value: unknown): RemoteFailure | undefined => new RemoteReader().read(value, 1);

const parse = (bytes: Uint8Array): unknown => {
  if (bytes.byteLength > MAX_BODY) return undefined;
  try {
    const value: unknown = JSON.parse(utf8.decode(bytes));
    requireSafeJson(value);
    return value;
  } catch {
    return undefined;
  }
};

/**
 * Parses an error body; `undefined` if it is not one. Unknown fields are ignored, unknown codes are rejected, and
 * `retryAfterMs` is capped at an hour.
 */
export const decodeErrorBody = (bytes: Uint8Array): ErrorBody | undefined => {
  const value = parse(bytes);
  if (!isObject(value)) return undefined;
  const { code, message, retryable, executed, phase, retryAfterMs, draining, instance, details, remote } = value;
  if (typeof code !== "string" || !Object.hasOwn(httpStatus, code)) return undefined;
  if (typeof message !== "string" || typeof retryable !== "boolean") return undefined;
  if (typeof executed !== "string" || !Object.hasOwn(executions, executed)) return undefined;
  if (phase !== undefined && (typeof phase !== "string" || !Object.hasOwn(phases, phase))) return undefined;
  if (retryAfterMs !== undefined && (typeof retryAfterMs !== "number" || retryAfterMs < 0)) return undefined;
  const failure = remote === undefined ? undefined : readRemote(remote);
  if (remote !== undefined && failure === undefined) return undefined;
  return {
    code: code as ErrorBody["code"],
    message,
    retryable,
    executed: executed as Executed,
    phase: phase as Phase | undefined,
    retryAfterMs: boundedRetryAfter(retryAfterMs),
    draining: draining === true ? true : undefined,
    instance: readInstanceNote(instance),
    details,
    remote: failure,
  };
};

/**
 * Creates the caller's error from an error body. `context` adds what the caller knows; the runner's values take
 * precedence.
 */
export const errorFromBody = (body: ErrorBody, context: FlameErrorContext): CallError => {
  const merged: FlameErrorContext = {
    ...context,
    retryable: body.retryable,
    executed: body.executed,
    phase: body.phase ?? context.phase ?? (body.code === "config_error" ? "configure" : undefined),
    retryAfterMs: body.retryAfterMs ?? context.retryAfterMs,
    details: body.details ?? context.details,
    remote: body.remote ?? context.remote,
  };
  if (body.code === "registry_error") return new RegistryError(body.message, merged);
  if (body.code === "config_error") return new ConfigError(body.message, merged);
  return new InvokeError(body.code, body.message, merged);
};
