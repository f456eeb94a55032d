/** Decides what follows from the result of a probe. Pure. */
import type { PoolBounds } from "../../../contract/config/pool-bounds.ts";
import type { RunnerRecord } from "./routing.ts";

/** The result of a probe, with the memory of the runner in bytes if it reported it. */
export interface ProbeFinding {
  readonly healthy: boolean;
  readonly rssBytes?: number | undefined;
}

/**
 * `recycle`: it uses too much memory. `suspect`: it did not respond to a health check. `readmit`: it responds again.
 * `eject`: it still does not respond and is probed again. `end`: it does not respond, has no calls, and can be
 * replaced. `keep`: no change.
 */
export type HealthAction = "recycle" | "suspect" | "readmit" | "eject" | "end" | "keep";

/** A runner with calls is not terminated because it does not respond: a CPU-bound handler may block it. */
export const nextHealthState = (
  runner: RunnerRecord,
  { healthy, rssBytes = 0 }: ProbeFinding,
  { maxRssBytes }: PoolBounds,
  replaceable: boolean,
): HealthAction => {
  const doubted = runner.phase === "suspect" || runner.phase === "ejected";
  if (runner.phase !== "ready" && !doubted) return "keep";
  if (healthy && replaceable && rssBytes > maxRssBytes) return "recycle";
  if (!doubted) return healthy ? "keep" : "suspect";
  if (healthy) return "readmit";
  return replaceable && runner.used === 0 ? "end" : "eject";
};
