/**
 * The catalog of all spans, metrics, attributes and log events. Instruments, documentation, dashboards and tests are
 * generated from it.
 *
 * @module
 */
import "../contract/process/runtime-check.ts";

/** The phases of a call, in order. Their durations add up to that of the call. */
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
/** A phase of a call. */
export type CallPhase = (typeof phases)[number];
/** Duration of each phase, in milliseconds. */
export type PhaseTimes = Record<CallPhase, number>;

export * from "./catalog/attributes.ts";
export * from "./catalog/logs.ts";
export * from "./catalog/metrics.ts";
export * from "./catalog/spans.ts";
