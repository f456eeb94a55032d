/** The story of one call: everything that `explain` prints, as data; what `--json` prints. */
import type { CallPhase } from "../../telemetry/catalog.ts";
import type { NearAlert } from "../alerts.ts";
import type { AttemptStory } from "./attempts.ts";
import type { FirstErrorStory } from "./first-error.ts";
import type { TimelineRow } from "./timeline.ts";
import type { ColdStartStory, WaitStory } from "./waits.ts";

export interface PhaseShare {
  readonly phase: CallPhase;
  readonly ms: number;
  /** Of the call's duration, from 0 to 1. */
  readonly share: number;
}

/** Whether the same call may be made again without running the handler twice. */
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
  /** `undefined` when it succeeded. */
  readonly failure: Failure | undefined;
  readonly phases: ReadonlyArray<PhaseShare>;
  readonly timeline: ReadonlyArray<TimelineRow>;
  readonly attemptCount: number;
  readonly attempts: ReadonlyArray<AttemptStory>;
  /** `warm`, `queued` or `cold`, of the last slot. */
  readonly acquireSource: string | undefined;
  readonly waits: ReadonlyArray<WaitStory>;
  readonly coldStart: ColdStartStory | undefined;
  /** Why it was not tried again though its options allow it. */
  readonly refused: { readonly obstacle: string; readonly text: string } | undefined;
  readonly firstError: FirstErrorStory | undefined;
  /** Runners of its attempts that the log says were lost. */
  readonly lostRunners: ReadonlyArray<string>;
  readonly alerts: ReadonlyArray<NearAlert>;
}
