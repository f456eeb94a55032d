/** A call that wants a lease, and how it learns what comes of it. */
import type { CallError } from "../../contract/errors.ts";
import type { SpanIds } from "../../telemetry/telemetry.ts";
import type { RunnerPreference } from "./core/events.ts";
import type { Lease } from "./lease.ts";

/** A call that wants a lease. */
export interface AcquireRequest {
  readonly method: string;
  readonly preference: RunnerPreference;
  /** What is left of the call's deadline, in milliseconds. */
  readonly remainingMs: number;
  /** The span of the call, for links from a boot that it causes. */
  readonly span: SpanIds | undefined;
  /** Called the moment a lease is granted, before anything can interrupt: from here on the call must release it. */
  readonly granted: (lease: Lease) => void;
}

/** A request that waits for the pool's answer. */
export interface Pending {
  readonly request: AcquireRequest;
  readonly granted: (lease: Lease) => void;
  readonly refused: (error: CallError) => void;
}
