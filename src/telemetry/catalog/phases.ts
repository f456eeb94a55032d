/** The phases that the time of a call is split into. */

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
