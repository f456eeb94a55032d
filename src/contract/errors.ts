/**
 * Firelight's errors, on both sides of the wire.
 *
 * Every error is a {@link FlameError} with a stable `code`. It names the method, the pool and the phase, how long the
 * call took, whether the handler may have run (`executed`) and whether a retry can succeed (`retryable`).
 */

/**
 * The brand of each error class. It makes `instanceof` work across copies of this package: the brand on the prototype is
 * the same in every copy. Classes that users derive keep the meaning of their prototypes.
 */
const kinds: WeakMap<Function, { readonly name: string; readonly brand: symbol }> = new WeakMap();

/** Brands a class. The name is given, because a minifier shortens that of the class. */
export const brandAs = (kind: Function & { readonly prototype: object }, name: string): void => {
  const brand = Symbol.for(`firelight/${name}`);
  kinds.set(kind, { name, brand });
  Object.defineProperty(kind.prototype, brand, { value: true });
};

/** What an error of a class is called. */
export const nameOf = (kind: Function): string => kinds.get(kind)?.name ?? kind.name;

/** Whether a value is of a class: of any copy's where it is branded, by its prototype otherwise. Never throws. */
export const isOf = (kind: Function, value: unknown): boolean => {
  const brand = kinds.get(kind)?.brand;
  try {
    if (brand === undefined) return Function.prototype[Symbol.hasInstance].call(kind, value);
    return typeof value === "object" && value !== null && brand in value;
  } catch {
    return false;
  }
};

/** A stable, machine-readable reason. New versions may add codes; they never rename one. */
export type FlameErrorCode =
  | "config_error"
  | "registry_error"
  | "invoke_error"
  | "transport_error"
  | "timeout"
  | "canceled"
  | "remote_error"
  | "no_runner"
  | "unavailable"
  | "overloaded"
  | "conflict"
  | "payload_too_large"
  | "serialization_error"
  | "signature_error";

/** Whether the handler ran. `no` is certain; `unknown` means that it may have run. */
export type Executed = "no" | "unknown" | "yes";

/** The phase of a call in which something happened. */
export type Phase =
  | "configure"
  | "acquire"
  | "encode"
  | "network"
  | "runner_queue"
  | "handler"
  | "decode"
  | "backoff"
  | "other";

/** gRPC status names, as `rpc.status_code` reports them. */
export type RpcStatus =
  | "OK"
  | "CANCELLED"
  | "DEADLINE_EXCEEDED"
  | "RESOURCE_EXHAUSTED"
  | "UNAVAILABLE"
  | "UNAUTHENTICATED"
  | "UNIMPLEMENTED"
  | "INVALID_ARGUMENT"
  | "INTERNAL"
  | "UNKNOWN";

/** Optional fields of an error beside its code and message. */
export interface FlameErrorContext {
  /** Additional data about the error. Crosses the wire only with `exposeErrors`. */
  readonly details?: unknown;
  /** Whether the same call may be retried. Default: depends on the code; see {@link FlameError.retryable}. */
  readonly retryable?: boolean;
  /** Whether the handler ran. Default: depends on the code. */
  readonly executed?: Executed;
  /** The phase in which the call ended. */
  readonly phase?: Phase;
  /** The method, as `service/method`. */
  readonly method?: string;
  /** The pool that the call used. */
  readonly pool?: string;
  /** The runner of the failed attempt. */
  readonly runnerId?: string;
  /** The id of the call, the same for all of its attempts. */
  readonly invocationId?: string;
  /** Number of the failed attempt, from 1. */
  readonly attempt?: number;
  /** Time since the start of the call, in milliseconds. */
  readonly elapsedMs?: number;
  /** Time to wait before a retry can succeed, in milliseconds. */
  readonly retryAfterMs?: number;
  /** Index of the item, from 0, if the call belongs to a map. */
  readonly index?: number;
  /** The error of the handler, if it was a {@link FlameMethodError} or `exposeErrors` is on. */
  readonly remote?: RemoteFailure;
  /** The error that caused this one. */
  readonly cause?: unknown;
}

/** The error of a handler, as its caller sees it. */
export interface RemoteFailure {
  /** The error's class name, such as `TypeError`. */
  readonly name?: string | undefined;
  /** The code of a {@link FlameMethodError}. With `exposeErrors`, the code of any error, such as `ECONNREFUSED`. */
  readonly code?: string | undefined;
  /** The error's message. */
  readonly message?: string | undefined;
  /** The `details` of a {@link FlameMethodError}. */
  readonly details?: unknown;
  /** The error's stack on the runner. Only with `exposeErrors`. */
  readonly stack?: string | undefined;
  /** The error's cause. Only with `exposeErrors`; at most 8 levels deep. */
  readonly cause?: RemoteFailure | undefined;
  /** The errors of an `AggregateError`. Only with `exposeErrors`; at most 16, causes included. */
  readonly errors?: ReadonlyArray<RemoteFailure> | undefined;
  /** `true` for an error other than a {@link FlameMethodError}, which reaches the caller because of `exposeErrors`. */
  readonly exposed?: true | undefined;
}

const retryableCodes: ReadonlySet<FlameErrorCode> = new Set<FlameErrorCode>([
  "transport_error",
  "timeout",
  "remote_error",
  "no_runner",
  "unavailable",
  "overloaded",
]);

const neverExecutedCodes: ReadonlySet<FlameErrorCode> = new Set<FlameErrorCode>([
  "config_error",
  "registry_error",
  "no_runner",
  "unavailable",
  "overloaded",
  "conflict",
  "payload_too_large",
]);

const statusByCode: Readonly<Record<FlameErrorCode, Exclude<RpcStatus, "OK">>> = {
  config_error: "INVALID_ARGUMENT",
  registry_error: "UNIMPLEMENTED",
  invoke_error: "INTERNAL",
  transport_error: "UNAVAILABLE",
  timeout: "DEADLINE_EXCEEDED",
  canceled: "CANCELLED",
  remote_error: "UNKNOWN",
  no_runner: "UNAVAILABLE",
  unavailable: "UNAVAILABLE",
  overloaded: "RESOURCE_EXHAUSTED",
  conflict: "INVALID_ARGUMENT",
  payload_too_large: "RESOURCE_EXHAUSTED",
  serialization_error: "INVALID_ARGUMENT",
  signature_error: "UNAUTHENTICATED",
};

/**
 * Base class of all Firelight errors. Catch it to handle every kind of failure.
 *
 * @example
 * ```ts
 * try {
 *   await Billing.charge({ amount: 50 });
 * } catch (error) {
 *   if (error instanceof FlameError && error.executed === "no") console.log("safe to try again");
 *   else throw error;
 * }
 * ```
 */
export class FlameError extends Error {
  /** Tag for `Effect.catchTag`. */
  readonly _tag: string = "FlameError";
  /** Why the call failed. Stable across versions. */
  readonly code: FlameErrorCode;
  /** Additional data about the error. `undefined` if there is none. */
  readonly details: unknown;
  /** Whether a retry of the same call can succeed. */
  readonly retryable: boolean;
  /** Whether the handler ran. */
  readonly executed: Executed;
  /** The phase in which the call ended. */
  readonly phase: Phase | undefined;
  /** The method, as `service/method`. */
  readonly method: string | undefined;
  /** The pool that the call used. */
  readonly pool: string | undefined;
  /** The runner of the failed attempt. */
  readonly runnerId: string | undefined;
  /** The id of the call, the same for all of its attempts. */
  readonly invocationId: string | undefined;
  /** Number of the failed attempt, from 1. */
  readonly attempt: number | undefined;
  /** Time since the start of the call, in milliseconds. */
  readonly elapsedMs: number | undefined;
  /** Time to wait before a retry can succeed, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** Index of the item, from 0, if the call belongs to a map. */
  readonly index: number | undefined;
  /** The error of the handler, if it reached the caller. */
  readonly remote: RemoteFailure | undefined;

  /**
   * @param code why the call failed
   * @param message what failed, why, and what to do
   * @param context further fields of the error
   */
  constructor(code: FlameErrorCode, message: string, context: FlameErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.name = nameOf(new.target);
    this.code = code;
    this.details = context.details;
    this.retryable = context.retryable ?? retryableCodes.has(code);
    this.executed =
      context.executed ?? (neverExecutedCodes.has(code) ? "no" : code === "remote_error" ? "yes" : "unknown");
    this.phase = context.phase;
    this.method = context.method;
    this.pool = context.pool;
    this.runnerId = context.runnerId;
    this.invocationId = context.invocationId;
    this.attempt = context.attempt;
    this.elapsedMs = context.elapsedMs;
    this.retryAfterMs = context.retryAfterMs;
    this.index = context.index;
    this.remote = context.remote;
  }

  /** The gRPC status name of this error. */
  get status(): Exclude<RpcStatus, "OK"> {
    return statusByCode[this.code];
  }

  /** True for errors of any copy of this package in the process. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return isOf(this, value);
  }
}

/** A call failed. `code` says why. */
export class InvokeError extends FlameError {
  /** Tag for `Effect.catchTag`. */
  override readonly _tag = "InvokeError";
}

/** A service or method is not registered, is registered twice, or has an invalid id. Never retried. */
export class RegistryError extends FlameError {
  /** Tag for `Effect.catchTag`. */
  override readonly _tag = "RegistryError";
  /**
   * @param message what failed, why, and what to do
   * @param context further fields of the error
   */
  constructor(message: string, context?: FlameErrorContext) {
    super("registry_error", message, context);
  }
}

/** Invalid configuration. The message names the field and how to fix it. Never retried. */
export class ConfigError extends FlameError {
  /** Tag for `Effect.catchTag`. */
  override readonly _tag = "ConfigError";
  /**
   * @param message what failed, why, and what to do
   * @param context further fields of the error
   */
  constructor(message: string, context?: FlameErrorContext) {
    super("config_error", message, { phase: "configure", ...context });
  }
}

/**
 * Throw it in a handler to report a failure to the caller. Its code, message and details cross the wire even without
 * `exposeErrors`; of any other error, the caller does not see the message. The caller gets an {@link InvokeError} with
 * the code `remote_error` and this error in `remote`.
 *
 * @example
 * ```ts
 * throw new FlameMethodError("card_declined", "The card was declined.", { retryable: false });
 * ```
 */
export class FlameMethodError extends Error {
  /** Your code for the failure, such as `card_declined`. */
  readonly code: string;
  /** Your data for the caller. Must be serializable. */
  readonly details: unknown;
  /** Whether the caller's retry policy may retry the call. Default: `false`. */
  readonly retryable: boolean;

  /**
   * @param code your code for the failure, such as `card_declined`
   * @param message what failed, for the caller
   * @param options `details` for the caller; `retryable` (default `false`); `cause`, which stays on the runner unless
   * `exposeErrors` is on
   */
  constructor(
    code: string,
    message: string,
    options: { details?: unknown; retryable?: boolean; cause?: unknown } = {},
  ) {
    // Made where something has failed already, so it takes whatever it is given and throws nothing itself.
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.name = "FlameMethodError";
    this.code = code;
    this.details = options?.details;
    this.retryable = options?.retryable === true;
  }

  /** True for errors of any copy of this package in the process. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return isOf(this, value);
  }
}

brandAs(FlameError, "FlameError");
brandAs(InvokeError, "InvokeError");
brandAs(RegistryError, "RegistryError");
brandAs(ConfigError, "ConfigError");
brandAs(FlameMethodError, "FlameMethodError");

/** Any of the errors that a call can end with: a union that `Effect.catchTag` can take apart. */
export type CallError = InvokeError | RegistryError | ConfigError;

const certainty: Readonly<Record<Executed, number>> = { no: 0, unknown: 1, yes: 2 };

/** What is known of a handler that two attempts may have reached: it ran if it ran for one of them. */
export const executedByEither = (one: Executed, other: Executed): Executed =>
  certainty[one] >= certainty[other] ? one : other;

/**
 * The same error with what `context` knows and it does not; what `context` says of `executed` is the better knowledge. A `note` is
 * added to the message.
 */
export const withContext = (error: CallError, context: FlameErrorContext, note = ""): CallError => {
  const merged: FlameErrorContext = {
    details: error.details,
    retryable: error.retryable,
    executed: context.executed ?? error.executed,
    phase: error.phase ?? context.phase,
    method: error.method ?? context.method,
    pool: error.pool ?? context.pool,
    runnerId: error.runnerId ?? context.runnerId,
    invocationId: error.invocationId ?? context.invocationId,
    attempt: error.attempt ?? context.attempt,
    elapsedMs: error.elapsedMs ?? context.elapsedMs,
    retryAfterMs: error.retryAfterMs ?? context.retryAfterMs,
    index: error.index ?? context.index,
    remote: error.remote,
    cause: error.cause ?? context.cause,
  };
  const message = note === "" ? error.message : `${error.message} ${note}`;
  if (error instanceof ConfigError) return new ConfigError(message, merged);
  if (error instanceof RegistryError) return new RegistryError(message, merged);
  return new InvokeError(error.code, message, merged);
};
