/** The phases that the time of a call is split into. */

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
