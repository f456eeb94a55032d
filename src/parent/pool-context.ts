/** What stands between a call that tries again and its pool: what its pool's calls share, and how attempts are made there. */
import type * as Effect from "effect/Effect";
import type { CallError } from "../contract/errors.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { AttemptCause } from "./attempt-cause.ts";
import type { AttemptDeps } from "./attempt.ts";
import type { Call } from "./run-call.ts";
import type { Lease } from "./pool/lease.ts";
import type { Pool } from "./pool/pool.ts";
import type { RetryBudget } from "./retry-budget.ts";
import type { HttpTransport } from "./transport/transport.ts";

/** What the calls of a pool share. */
export interface PoolContext {
  readonly pool: Pool;
  readonly budget: RetryBudget | undefined;
  /** Whether it may have more runners than one. */
  readonly several: boolean;
  /** Everything to its runners goes over it: calls, heartbeats, probes. */
  readonly transport: HttpTransport;
  /** What attempts are made with; `undefined` without a secret to sign with. */
  readonly remote: AttemptDeps | undefined;
}

/** Makes the attempts of a client's calls. */
export interface AttemptMaker {
  readonly telemetry: Telemetry;
  /** `undefined` in local mode, where there is no pool to protect and no other runner. */
  readonly poolContextOf: (pool: string) => PoolContext | undefined;
  /** One attempt, with a lease of its own. */
  readonly attemptOnce: (
    call: Call,
    body: Uint8Array,
    cause: AttemptCause,
    avoid: string | undefined,
  ) => Effect.Effect<unknown, CallError>;
  /** One attempt on a runner that is leased already. */
  readonly attemptOn: (
    call: Call,
    body: Uint8Array,
    cause: AttemptCause,
    lease: Lease,
  ) => Effect.Effect<unknown, CallError>;
}
