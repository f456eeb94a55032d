/**
 * Every span, metric, attribute and log event of Firelight, once. Instruments,
 * spans, documentation, dashboards and tests are made from this page; a name
 * that is not here does not exist.
 */
import "../contract/process/runtime-check.ts";

/** The phases of a call; their sum is its duration. */
export const phases = [
  "acquire",
  "encode",
  "network",
  "runner_queue",
  "handler",
  "decode",
  "backoff",
  "other",
] as const;
export type CallPhase = (typeof phases)[number];
/** Milliseconds by phase. */
export type PhaseTimes = Record<CallPhase, number>;

export * from "./catalog/attributes.ts";
export * from "./catalog/logs.ts";
export * from "./catalog/metrics.ts";
export * from "./catalog/spans.ts";
