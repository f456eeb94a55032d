/**
 * Makes text from errors safe to record: removes secrets and what looks like a secret, and caps the length. Handlers
 * put anything into their messages, and telemetry is stored for longer.
 */

import { readThrown, type ThrownError } from "../contract/thrown.ts";

/** Makes a text safe. `limit` caps its length in characters; default 1024. */
export type Redactor = (text: string, limit?: number) => string;

/** The parts of an error that are safe to record. */
export interface SafeError {
  /** The class of the error, or the type of the thrown value. */
  readonly type: string;
  readonly message: string;
  /** The error's own code, such as `ECONNREFUSED`. */
  readonly code: string | undefined;
  /** The stack, followed by the causes and the errors of an `AggregateError`, each with code and stack. */
  readonly stack: string | undefined;
}

const mask = "[redacted]";
const defaultMaxLength = 1024;
const maxStackLength = 4096;
const maxChainLength = 16 * 1024;
/** Text beyond this is cut before any pattern runs, so a huge message costs little. */
const maxInputLength = 16 * 1024;
const minSecretLength = 4;

const patterns: ReadonlyArray<readonly [RegExp, string]> = [
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]*(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?/g, mask],
  [/\b(bearer|basic)\s+[\w+/=.~-]{8,}/gi, `$1 ${mask}`],
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/:@]{0,256}:[^\s/@]{1,256}@/gi, `$1${mask}@`],
  [
    /\b([\w-]{0,40}(?:password|passwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|authorization|cookie))(["']?\s{0,4}[=:]\s{0,4})(?:"[^"]{0,512}"|'[^']{0,512}'|[^\s,;&"'})\]]{1,512})/gi,
    `$1$2${mask}`,
  ],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, mask],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, mask],
  [/\b(?:sk|pk|rk|ghp|gho|ghs|xox[abp])[_-][\w-]{16,}/g, mask],
];

/** Returns the encodings in which a secret may appear in a message. */
const shapesOf = (secret: string): ReadonlyArray<string> => [
  secret,
  encodeURIComponent(secret.replace(/\p{Surrogate}/gu, "\ufffd")),
  JSON.stringify(secret).slice(1, -1),
  Buffer.from(secret).toString("base64"),
  Buffer.from(secret).toString("base64url"),
  Buffer.from(secret).toString("hex"),
];

const cap = (text: string, limit: number): string => (text.length <= limit ? text : `${text.slice(0, limit - 1)}…`);

/**
 * Creates a redactor that removes the given secrets, in plain text and in the usual encodings, and what looks like a
 * secret: private keys, bearer tokens, passwords in URLs, `password=…` and similar, JSON web tokens, well-known key
 * formats. Secrets shorter than 4 characters are ignored.
 *
 * @example
 * ```ts
 * const redact = makeRedactor([process.env.FLAME_SECRET ?? ""]);
 * redact("connect postgres://app:hunter2@db failed"); // "connect postgres://[redacted]@db failed"
 * ```
 */
export const makeRedactor = (secrets: ReadonlyArray<string>): Redactor => {
  const shapes = [...new Set(secrets.filter((secret) => secret.length >= minSecretLength).flatMap(shapesOf))].sort(
    (left, right) => right.length - left.length,
  );
  return (text, limit = defaultMaxLength) => {
    let safe = text.slice(0, maxInputLength);
    for (const shape of shapes) safe = safe.replaceAll(shape, mask);
    for (const [pattern, replacement] of patterns) safe = safe.replace(pattern, replacement);
    return cap(safe, limit);
  };
};

/** Formats an error like the start of a stack trace: name, message and code, then the frames. */
const withCode = ({ name, message, code, stack = "" }: ThrownError): string => {
  const plain = `${name}: ${message}`;
  const header = code === undefined ? plain : `${plain} (${code})`;
  if (stack.startsWith(plain)) return `${header}${stack.slice(plain.length)}`;
  return stack === "" ? header : `${header}\n${stack}`;
};

/**
 * Formats an error with its causes like a stack trace. Each error is capped on its own, because the last cause is often
 * the important one.
 */
const chainOf = (error: ThrownError, redact: Redactor): ReadonlyArray<string> => [
  redact(withCode(error), maxStackLength),
  ...(error.errors ?? []).flatMap((inner, index, all) =>
    labeled(`Error ${index + 1} of ${all.length}: `, chainOf(inner, redact)),
  ),
  ...(error.cause === undefined ? [] : labeled("Caused by: ", chainOf(error.cause, redact))),
];

const labeled = (label: string, [first = "", ...rest]: ReadonlyArray<string>): ReadonlyArray<string> => [
  `${label}${first}`,
  ...rest,
];

/** Returns the parts of a thrown value that are safe to record. Never throws. */
export const safeError = (thrown: unknown, redact: Redactor): SafeError => {
  const error = readThrown(thrown);
  const { name, message, code, stack, cause, errors } = error;
  const bare = stack === undefined && cause === undefined && errors === undefined;
  return {
    type: redact(name, 128),
    message: redact(message),
    code: code === undefined ? undefined : redact(code, 128),
    stack: bare ? undefined : cap(chainOf(error, redact).join("\n"), maxChainLength),
  };
};
