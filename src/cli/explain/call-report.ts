/** The report of one call: everything that `explain` prints, as data. `--json` prints this. */
import type { CallPhase } from "../../telemetry/catalog.ts";
import type { NearAlert } from "../alerts.ts";
import type { AttemptReport } from "./attempts.ts";
import type { FirstErrorReport } from "./first-error.ts";
import type { TimelineRow } from "./timeline.ts";
import type { ColdStartReport, WaitReport } from "./waits.ts";

export interface PhaseShare {
  readonly phase: CallPhase;
  readonly ms: number;
  /** Share of the call's duration, from 0 to 1. */
  readonly share: number;
}

/** Whether the call can be repeated without running the handler twice. */
export interface RetrySafety {
  readonly safe: boolean;
  readonly why: string;
}

export interface Failure {
  readonly status: string;
  readonly code: string | undefined;
  readonly phase: string | undefined;
  readonly executed: string | undefined;
  readonly message: string | undefined;
  readonly retrySafety: RetrySafety;
}

export interface CallReport {
  readonly method: string;
  readonly pool: string | undefined;
  readonly traceId: string;
  readonly spanId: string;
  readonly invocationId: string | undefined;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly deadlineMs: number | undefined;
  readonly detached: boolean;
  /** `undefined` if it succeeded. */
  readonly failure: Failure | undefined;
  readonly phases: ReadonlyArray<PhaseShare>;
  readonly timeline: ReadonlyArray<TimelineRow>;
  readonly attemptCount: number;
  readonly attempts: ReadonlyArray<AttemptReport>;
  /** How the last slot was acquired: `warm`, `queued` or `cold`. */
  readonly acquireSource: string | undefined;
  readonly waits: ReadonlyArray<WaitReport>;
  readonly coldStart: ColdStartReport | undefined;
  /** Why it was not retried although its options allow it. */
  readonly refused: { readonly obstacle: string; readonly text: string } | undefined;
  readonly firstError: FirstErrorReport | undefined;
  /** Log messages about lost runners of its attempts. */
  readonly lostRunners: ReadonlyArray<string>;
  readonly alerts: ReadonlyArray<NearAlert>;
}
