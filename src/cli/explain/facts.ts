/** Reads span attributes by their keys in the catalog and classifies Firelight's spans. */
import { attributes, RPC_SYSTEM, spans } from "../../telemetry/catalog.ts";
import type { Attributes, Span } from "./telemetry-data.ts";

type Key = keyof typeof attributes;

interface HasAttributes {
  readonly attributes: Attributes;
}

/** Returns an attribute as a string. */
export const textOf = (owner: HasAttributes, key: Key): string | undefined => {
  const value = owner.attributes[attributes[key].name];
  return value === undefined || value === "" ? undefined : String(value);
};

/** Returns an attribute as a number. */
export const numberOf = (owner: HasAttributes, key: Key): number | undefined => {
  const value = owner.attributes[attributes[key].name];
  const number = value === undefined || typeof value === "boolean" ? NaN : Number(value);
  return Number.isFinite(number) ? number : undefined;
};

/** Whether an attribute is true. Some stores keep booleans as strings. */
export const isTrue = (owner: HasAttributes, key: Key): boolean => textOf(owner, key) === "true";

export const isCall = (span: Span): boolean =>
  span.kind === "client" && textOf(span, "system") === RPC_SYSTEM && textOf(span, "invocationId") !== undefined;

export const isServer = (span: Span): boolean => span.kind === "server" && textOf(span, "system") === RPC_SYSTEM;

type Stage = "map" | "acquire" | "boot" | "attempt" | "backoff" | "handler";

/** Whether a span belongs to a stage with a fixed name. */
export const isStage = (span: Span, stage: Stage): boolean => span.name === spans[stage].name;

/** Whether the span failed or was canceled. */
export const hasFailed = (span: Span): boolean => span.failed || textOf(span, "errorType") !== undefined;

export const lengthMs = ({ startMs, endMs }: Pick<Span, "startMs" | "endMs">): number => endMs - startMs;

/** Returns the method of a span, otherwise its name. */
export const methodOf = (span: Span): string => textOf(span, "method") ?? span.name;
