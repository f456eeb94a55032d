/** What a pool is told, and what it commands. */
import type { TerminationReason } from "../../../telemetry/telemetry.ts";
import type { PoolBounds } from "../../../contract/config/pool-bounds.ts";

/** The right to use one slot of one runner. */
export interface LeaseKey {
  readonly lease: number;
  readonly runnerId: string;
}

/** What a call says of the runner it wants. */
export interface RunnerPreference {
  /** A runner to avoid if there is a choice. */
  readonly avoid: string | undefined;
  /** Calls with the same key go to the same runner while it has room. */
  readonly affinityKey: string | undefined;
}

export type PoolEvent =
  /** A call wants a slot within `remainingMs`. */
  | {
      readonly _tag: "Acquire";
      readonly waiterId: number;
      readonly preference: RunnerPreference;
      readonly remainingMs: number;
    }
  /** A call stopped waiting. */
  | { readonly _tag: "Abandon"; readonly waiterId: number }
  /** A lease came back after `heldMs`. */
  | { readonly _tag: "Release"; readonly key: LeaseKey; readonly heldMs: number }
  | { readonly _tag: "BootSucceeded"; readonly runnerId: string }
  | { readonly _tag: "BootFailed"; readonly runnerId: string; readonly error: unknown }
  /** Boots may be tried again after a failed one. */
  | { readonly _tag: "BootAllowed" }
  /** A runner failed its caller; it may be gone. */
  | { readonly _tag: "Suspected"; readonly runnerId: string }
  /** A runner took a call no more; when it is `draining`, because it stops. */
  | { readonly _tag: "Refused"; readonly runnerId: string; readonly draining: boolean }
  /** A runner whose end is awaited answers nothing. */
  | { readonly _tag: "Silent"; readonly runnerId: string }
  | { readonly _tag: "ProbeEnded"; readonly runnerId: string; readonly healthy: boolean; readonly rssBytes?: number }
  /** A runner has ended or was found dead. */
  | { readonly _tag: "Lost"; readonly runnerId: string; readonly reason: TerminationReason }
  | { readonly _tag: "Update"; readonly bounds: PoolBounds }
  /** Time has passed. */
  | { readonly _tag: "Tick" }
  | { readonly _tag: "Close" };

/** Why a call gets no lease. */
export type RefusalReason = "closed" | "no_runner" | "boot_failed" | "queue_full" | "deadline_unreachable";

/** Functions of the user that a pool decides with. */
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
  /** Nobody needs this boot any more. */
  | { readonly _tag: "CancelBoot"; readonly runnerId: string }
  /** Say in so many milliseconds that time has passed. */
  | { readonly _tag: "LookLater"; readonly afterMs: number }
  | { readonly _tag: "Probe"; readonly runnerId: string; readonly afterFailures: number }
  /** A runner stops by itself: tell when it has ended, or when it is silent. */
  | { readonly _tag: "AwaitEnd"; readonly runnerId: string }
  /** Allow boots again after this pool's n-th failed boot in a row. */
  | { readonly _tag: "AllowBootLater"; readonly failures: number }
  /** A runner takes no new work from now on. */
  | { readonly _tag: "Draining"; readonly runnerId: string; readonly reason: TerminationReason }
  | { readonly _tag: "Terminate"; readonly runnerId: string; readonly reason: TerminationReason }
  /** Calls on this runner must end now. */
  | { readonly _tag: "FailCalls"; readonly runnerId: string; readonly reason: TerminationReason }
  | { readonly _tag: "Scaled"; readonly from: number; readonly to: number; readonly reason: string }
  | { readonly _tag: "Saturated"; readonly pending: number; readonly limit: number }
  /** A function of the user gave no answer that can be used, for the first time in a while. */
  | { readonly _tag: "Misbehaved"; readonly name: UserFunctionName; readonly fault: string };
