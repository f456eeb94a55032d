/** Converts a thrown value into attributes of log records. */
import { attributes, type SpanFields } from "./catalog.ts";
import { type Redactor, safeError } from "./redaction.ts";

/** Returns the attributes of a thrown value: its type, message, code, and its stack with all causes. */
export const exceptionFacts = (thrown: unknown, redact: Redactor): SpanFields => {
  const { type, message, code, stack } = safeError(thrown, redact);
  return { exceptionType: type, exceptionMessage: message, exceptionCode: code, exceptionStack: stack };
};

/** Returns the same attributes by their names in the catalog, for a logger. */
export const exceptionMeta = (thrown: unknown, redact: Redactor): Record<string, unknown> => {
  const meta: Record<string, unknown> = {};
  const facts = exceptionFacts(thrown, redact);
  for (const key in facts) {
    const value = facts[key as keyof SpanFields];
    if (value !== undefined) meta[attributes[key as keyof SpanFields].name] = value;
  }
  return meta;
};
