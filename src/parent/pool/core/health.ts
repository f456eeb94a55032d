/** What the answer of a runner to a probe, or its silence, means for it. Pure. */
import type { PoolBounds } from "../../../contract/config/pool-bounds.ts";
import type { RunnerRecord } from "./routing.ts";

/** What a probe found; memory in bytes, where the runner said it. */
export interface ProbeFinding {
  readonly healthy: boolean;
  readonly rssBytes?: number | undefined;
}

/**
 * `recycle`: it is too large. `suspect`: it was silent when it was looked at. `readmit`: it answers again. `eject`: it stays
 * silent, and is asked again. `end`: it stays silent, has no calls, and can be replaced. `keep`: nothing changes.
 */
export type HealthAction = "recycle" | "suspect" | "readmit" | "eject" | "end" | "keep";

/** A runner that has calls is not ended for its silence: its handlers may keep it too busy to answer. */
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
