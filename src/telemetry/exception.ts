/** What was thrown, as attributes of log records. */
import { attributes, type SpanFields } from "./catalog.ts";
import { type Redactor, safeError } from "./redaction.ts";

/** Attributes of a thrown value: its type, message, code, and its stack with all causes. */
export const exceptionFacts = (thrown: unknown, redact: Redactor): SpanFields => {
  const { type, message, code, stack } = safeError(thrown, redact);
  return { exceptionType: type, exceptionMessage: message, exceptionCode: code, exceptionStack: stack };
};

/** The same by the names of the attributes, for a logger. */
export const exceptionMeta = (thrown: unknown, redact: Redactor): Record<string, unknown> => {
  const meta: Record<string, unknown> = {};
  const facts = exceptionFacts(thrown, redact);
  for (const key in facts) {
    const value = facts[key as keyof SpanFields];
    if (value !== undefined) meta[attributes[key as keyof SpanFields].name] = value;
  }
  return meta;
};
