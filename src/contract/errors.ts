/**
 * The errors that Firelight gives, on both sides of the wire.
 *
 * Every error is a {@link FlameError} with a stable `code`, and says what a
 * person needs at night: which method and pool, in which phase, after how
 * long, whether the handler may have run (`executed`) and whether it is safe to
 * try again (`retryable`).
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

/** A stable, machine-readable reason. Codes are added, never renamed. */
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

/** Whether the handler ran: `no` is proven, `unknown` means it may have. */
export type Executed = "no" | "unknown" | "yes";

/** Where in the life of a call something happened. */
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

/** The status names of gRPC, as `rpc.status_code` carries them. */
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

/** What an error may say beside its code and message. All fields are optional. */
export interface FlameErrorContext {
  /** Anything more that helps; crosses the wire only with `exposeErrors`. */
  readonly details?: unknown;
  /** Whether the same call may be tried again. Default: by code, see {@link FlameError.retryable}. */
  readonly retryable?: boolean;
  /** Whether the handler ran. Default: by code. */
  readonly executed?: Executed;
  /** The phase in which the call ended. */
  readonly phase?: Phase;
  /** `service/method`. */
  readonly method?: string;
  readonly pool?: string;
  readonly runnerId?: string;
  readonly invocationId?: string;
  /** The attempt that failed, from 1. */
  readonly attempt?: number;
  /** Milliseconds from the start of the call. */
  readonly elapsedMs?: number;
  /** Milliseconds to wait before another try has a chance. */
  readonly retryAfterMs?: number;
  /** Which item of a map the call was made for, from 0. */
  readonly index?: number;
  /** What the handler said, where it chose to say it ({@link FlameMethodError}) or `exposeErrors` is on. */
  readonly remote?: RemoteFailure;
  readonly cause?: unknown;
}

/** What a handler's failure says of itself to the caller. */
export interface RemoteFailure {
  /** The error's class name, such as `TypeError`. */
  readonly name?: string | undefined;
  /** The code of a {@link FlameMethodError}; with `exposeErrors` that of any error, such as `ECONNREFUSED`. */
  readonly code?: string | undefined;
  readonly message?: string | undefined;
  readonly details?: unknown;
  readonly stack?: string | undefined;
  /** The error's cause. Only with `exposeErrors`, and at most 8 deep. */
  readonly cause?: RemoteFailure | undefined;
  /** The errors of an `AggregateError`. Only with `exposeErrors`; with the causes, at most 16 in all. */
  readonly errors?: ReadonlyArray<RemoteFailure> | undefined;
  /** `true` for an error that is not a {@link FlameMethodError}: the caller sees it because of `exposeErrors`. */
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
 * The base of all errors of Firelight. Catch this one when the kind does not matter.
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
  readonly _tag: string = "FlameError";
  readonly code: FlameErrorCode;
  readonly details: unknown;
  /** Whether the same call may be tried again and could succeed. */
  readonly retryable: boolean;
  /** Whether the handler ran. */
  readonly executed: Executed;
  readonly phase: Phase | undefined;
  readonly method: string | undefined;
  readonly pool: string | undefined;
  readonly runnerId: string | undefined;
  readonly invocationId: string | undefined;
  readonly attempt: number | undefined;
  readonly elapsedMs: number | undefined;
  readonly retryAfterMs: number | undefined;
  /** Which item of a map the call was made for, from 0. */
  readonly index: number | undefined;
  readonly remote: RemoteFailure | undefined;

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

/** A call that did not give a result. `code` says why. */
export class InvokeError extends FlameError {
  override readonly _tag = "InvokeError";
}

/** A service or method that is not registered, or registered twice. Never retried. */
export class RegistryError extends FlameError {
  override readonly _tag = "RegistryError";
  constructor(message: string, context?: FlameErrorContext) {
    super("registry_error", message, context);
  }
}

/** A configuration that cannot work. The message says how to fix it. Never retried. */
export class ConfigError extends FlameError {
  override readonly _tag = "ConfigError";
  constructor(message: string, context?: FlameErrorContext) {
    super("config_error", message, { phase: "configure", ...context });
  }
}

/**
 * Thrown by a handler to tell its caller something on purpose. Its code, message
 * and details cross the wire even without `exposeErrors`; any other error a
 * handler throws reaches the caller without its message. The caller gets an
 * {@link InvokeError} with code `remote_error` and this in `remote`.
 *
 * @example
 * ```ts
 * throw new FlameMethodError("card_declined", "The card was declined.", { retryable: false });
 * ```
 */
export class FlameMethodError extends Error {
  readonly code: string;
  readonly details: unknown;
  /** Whether the caller's retry policy may try again. Default `false`: a handler that speaks usually means it. */
  readonly retryable: boolean;

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
