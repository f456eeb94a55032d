/**
 * Makes text from errors safe to record: secrets and what looks like one are
 * struck out, and length is capped. Handlers put anything into their messages;
 * telemetry outlives them.
 */

import { readThrown, type ThrownError } from "../contract/thrown.ts";

/** Makes a text safe. `limit` caps its length, in characters; default 1024. */
export type Redactor = (text: string, limit?: number) => string;

/** What is left of an error once it is safe to record. */
export interface SafeError {
  /** Class of the error, or the type of what was thrown. */
  readonly type: string;
  readonly message: string;
  /** The error's own code, such as `ECONNREFUSED`. */
  readonly code: string | undefined;
  /** Its stack, followed by its causes and the errors of an `AggregateError`, each with code and stack. */
  readonly stack: string | undefined;
}

const mask = "[redacted]";
const defaultLimit = 1024;
const stackLimit = 4096;
const chainLimit = 16 * 1024;
/** Text beyond this is cut before any pattern sees it, so that a huge message costs little. */
const inputLimit = 16 * 1024;
const shortestSecret = 4;

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

/** A secret in the shapes in which it may turn up in a message. */
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
 * A redactor that strikes out the given secrets, in plain and in the usual encodings, and what looks like a secret:
 * private keys, bearer tokens, passwords in URLs, `password=…` and its kind, JSON web tokens, well-known key formats.
 * Secrets under 4 characters are not looked for.
 *
 * @example
 * ```ts
 * const redact = makeRedactor([process.env.FLAME_SECRET ?? ""]);
 * redact("connect postgres://app:hunter2@db failed"); // "connect postgres://[redacted]@db failed"
 * ```
 */
export const makeRedactor = (secrets: ReadonlyArray<string>): Redactor => {
  const shapes = [...new Set(secrets.filter((secret) => secret.length >= shortestSecret).flatMap(shapesOf))].sort(
    (left, right) => right.length - left.length,
  );
  return (text, limit = defaultLimit) => {
    let safe = text.slice(0, inputLimit);
    for (const shape of shapes) safe = safe.replaceAll(shape, mask);
    for (const [pattern, replacement] of patterns) safe = safe.replace(pattern, replacement);
    return cap(safe, limit);
  };
};

/** An error as a stack trace begins: its name, message and code, then the frames. */
const withCode = ({ name, message, code, stack = "" }: ThrownError): string => {
  const plain = `${name}: ${message}`;
  const header = code === undefined ? plain : `${plain} (${code})`;
  if (stack.startsWith(plain)) return `${header}${stack.slice(plain.length)}`;
  return stack === "" ? header : `${header}\n${stack}`;
};

/** An error and all that it holds as text, in the way of a stack trace. Each error is cut by itself: the last cause is often the one that counts. */
const chainOf = (error: ThrownError, redact: Redactor): ReadonlyArray<string> => [
  redact(withCode(error), stackLimit),
  ...(error.errors ?? []).flatMap((inner, index, all) =>
    labeled(`Error ${index + 1} of ${all.length}: `, chainOf(inner, redact)),
  ),
  ...(error.cause === undefined ? [] : labeled("Caused by: ", chainOf(error.cause, redact))),
];

const labeled = (label: string, [first = "", ...rest]: ReadonlyArray<string>): ReadonlyArray<string> => [
  `${label}${first}`,
  ...rest,
];

/** What may be recorded of something that was thrown. Never throws, whatever it is given. */
export const safeError = (thrown: unknown, redact: Redactor): SafeError => {
  const error = readThrown(thrown);
  const { name, message, code, stack, cause, errors } = error;
  const bare = stack === undefined && cause === undefined && errors === undefined;
  return {
    type: redact(name, 128),
    message: redact(message),
    code: code === undefined ? undefined : redact(code, 128),
    stack: bare ? undefined : cap(chainOf(error, redact).join("\n"), chainLimit),
  };
};
