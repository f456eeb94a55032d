/** What a pool is told, and what it commands. */
import type { TerminationReason } from "../../telemetry/telemetry.ts";

/** The right to use one slot of one runner. */
export interface LeaseKey {
  readonly lease: number;
  readonly runnerId: string;
}

export type PoolEvent =
  /** A call wants a slot, if possible not on `avoid`. */
  | { readonly _tag: "Acquire"; readonly ticket: number; readonly avoid: string | undefined }
  /** The call of a ticket waits no more. */
  | { readonly _tag: "Abandon"; readonly ticket: number }
  | { readonly _tag: "Release"; readonly key: LeaseKey }
  | { readonly _tag: "BootSucceeded"; readonly runnerId: string }
  | { readonly _tag: "BootFailed"; readonly runnerId: string; readonly error: unknown }
  /** Boots may be tried again after a failed one. */
  | { readonly _tag: "BootAllowed" }
  /** A connection to a runner failed; it may be gone. */
  | { readonly _tag: "Suspected"; readonly runnerId: string }
  /** A runner said that it stops and takes no more calls. */
  | { readonly _tag: "Refused"; readonly runnerId: string }
  | { readonly _tag: "ProbeEnded"; readonly runnerId: string; readonly healthy: boolean }
  /** A runner has ended or was found dead. */
  | { readonly _tag: "Lost"; readonly runnerId: string; readonly reason: TerminationReason }
  | { readonly _tag: "Start" }
  | { readonly _tag: "Close" };

export type PoolCommand =
  | { readonly _tag: "Grant"; readonly ticket: number; readonly key: LeaseKey; readonly source: "warm" | "queued" | "cold" }
  | { readonly _tag: "Refuse"; readonly ticket: number; readonly why: "closed" | "no_runner" | "boot_failed"; readonly error?: unknown }
  | { readonly _tag: "Boot"; readonly runnerId: string; readonly ticket: number | undefined; readonly reason: string }
  | { readonly _tag: "Probe"; readonly runnerId: string; readonly afterFailures: number }
  /** Allow boots again after this pool's n-th failed boot in a row. */
  | { readonly _tag: "AllowBootLater"; readonly failures: number }
  | { readonly _tag: "Terminate"; readonly runnerId: string; readonly reason: TerminationReason }
  /** Calls on this runner must end now. */
  | { readonly _tag: "Forsake"; readonly runnerId: string; readonly reason: TerminationReason }
  | { readonly _tag: "Saturated"; readonly pending: number; readonly limit: number };
