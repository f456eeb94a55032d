/** The events and commands of a pool. */
import type { TerminationReason } from "../../../telemetry/telemetry.ts";
import type { PoolBounds } from "../../../contract/config/pool-bounds.ts";

/** The right to use one slot of one runner. */
export interface LeaseKey {
  readonly lease: number;
  readonly runnerId: string;
}

/** The preferences of a call for a runner. */
export interface RunnerPreference {
  /** A runner to avoid, if possible. */
  readonly avoid: string | undefined;
  /** Calls with the same key go to the same runner while it has a free slot. */
  readonly affinityKey: string | undefined;
}

export type PoolEvent =
  /** A call needs a slot within `remainingMs`. */
  | {
      readonly _tag: "Acquire";
      readonly waiterId: number;
      readonly preference: RunnerPreference;
      readonly remainingMs: number;
    }
  /** A call no longer waits. */
  | { readonly _tag: "Abandon"; readonly waiterId: number }
  /** A lease was released after `heldMs`. */
  | { readonly _tag: "Release"; readonly key: LeaseKey; readonly heldMs: number }
  | { readonly _tag: "BootSucceeded"; readonly runnerId: string }
  | { readonly _tag: "BootFailed"; readonly runnerId: string; readonly error: unknown }
  /** Boots are allowed again after a failed one. */
  | { readonly _tag: "BootAllowed" }
  /** A call to a runner failed; the runner may be lost. */
  | { readonly _tag: "Suspected"; readonly runnerId: string }
  /** A runner rejected a call; `draining` if it is stopping. */
  | { readonly _tag: "Refused"; readonly runnerId: string; readonly draining: boolean }
  /** A runner whose exit is awaited does not respond. */
  | { readonly _tag: "Silent"; readonly runnerId: string }
  | { readonly _tag: "ProbeEnded"; readonly runnerId: string; readonly healthy: boolean; readonly rssBytes?: number }
  /** A runner has exited or was found dead. */
  | { readonly _tag: "Lost"; readonly runnerId: string; readonly reason: TerminationReason }
  | { readonly _tag: "Update"; readonly bounds: PoolBounds }
  /** Time has passed. */
  | { readonly _tag: "Tick" }
  | { readonly _tag: "Close" };

/** Why a call is rejected. */
export type RefusalReason = "closed" | "no_runner" | "boot_failed" | "queue_full" | "deadline_unreachable";

/** User functions that a pool decides with. */
export type UserFunctionName = "scaling" | "idleShutdownMs";

export type PoolCommand =
  | {
      readonly _tag: "Grant";
      readonly waiterId: number;
      readonly key: LeaseKey;
      readonly source: "warm" | "queued" | "cold";
    }
  | {
      readonly _tag: "Refuse";
      readonly waiterId: number;
      readonly why: RefusalReason;
      readonly error?: unknown;
      readonly expectedWaitMs?: number;
    }
  | { readonly _tag: "Boot"; readonly runnerId: string; readonly waiterId: number | undefined; readonly reason: string }
  /** A boot is no longer needed. */
  | { readonly _tag: "CancelBoot"; readonly runnerId: string }
  /** Send a tick in `afterMs` milliseconds. */
  | { readonly _tag: "ScheduleTick"; readonly afterMs: number }
  | { readonly _tag: "Probe"; readonly runnerId: string; readonly afterFailures: number }
  /** A runner is stopping: report when it has exited or is silent. */
  | { readonly _tag: "AwaitEnd"; readonly runnerId: string }
  /** Allow boots again, after the pause that follows the n-th failed boot in a row. */
  | { readonly _tag: "AllowBootLater"; readonly failures: number }
  /** A runner accepts no new calls from now on. */
  | { readonly _tag: "Draining"; readonly runnerId: string; readonly reason: TerminationReason }
  | { readonly _tag: "Terminate"; readonly runnerId: string; readonly reason: TerminationReason }
  /** Fail the calls on this runner. */
  | { readonly _tag: "FailCalls"; readonly runnerId: string; readonly reason: TerminationReason }
  | { readonly _tag: "Scaled"; readonly from: number; readonly to: number; readonly reason: string }
  | { readonly _tag: "Saturated"; readonly pending: number; readonly limit: number }
  /** A user function returned no usable value, for the first time in a series. */
  | { readonly _tag: "Misbehaved"; readonly name: UserFunctionName; readonly fault: string };
