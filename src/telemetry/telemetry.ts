/**
 * The seam between the house and whatever observes it. Stages and the pool say
 * what happens here, in their own words; the adapters beside this file turn that
 * into spans, metrics and log records. Without adapters everything is a no-op.
 */
import * as Effect from "effect/Effect";
import type { TraceCarrier } from "../contract/wire/envelope.ts";
import { FailureSeries } from "../contract/failure-series.ts";
import type { CallError, FlameErrorCode } from "../contract/errors.ts";
import type { IsolateKind } from "../contract/config/isolation.ts";
import { messageOf } from "../contract/thrown.ts";
import type { SpanFields, PhaseTimes } from "./catalog.ts";

export type PoolTrouble =
  | {
      readonly _tag: "RunnerNotEnded";
      readonly pool: string;
      readonly runnerId: string;
      readonly backend: string;
      readonly fault: string;
      readonly error?: unknown;
    }
  | {
      readonly _tag: "UserFunctionFailed";
      readonly pool: string;
      /** The option that the function was given as. */
      readonly name: string;
      /** What it did, as the rest of a sentence. */
      readonly fault: string;
      /** What holds in its place. */
      readonly fallback: string;
      readonly error?: unknown;
    };

/** Identifies a span, for links and exemplars. */
export interface SpanIds {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
  /** Set where nothing is recorded: it is somebody else's span, which the trace goes on from. */
  readonly relayed?: true;
  /**
   * `true` once an observation of this span was chosen as an exemplar, which the span then says. `false` as long as it
   * can be chosen: while it is open, and recorded.
   */
  exemplar?: boolean | undefined;
}

/** The span of a stage that is running. */
export interface StageSpan {
  /**
   * Records what became known. Fields with the value `undefined` are left out. A `status` other than `OK` makes the
   * stage a failure of that status though its effect succeeds or is interrupted.
   */
  setAttributes(facts: SpanFields): void;
  /** Records how long the steps of a boot took, in milliseconds by name. */
  setBootPhases(phases: Readonly<Record<string, number>>): void;
  /** Adds a link to another span. */
  link(to: SpanIds): void;
  /** The trace context to send on, with the baggage that may travel. */
  readonly carrier: TraceCarrier;
  /** `undefined` where there is no trace. */
  readonly ids: SpanIds | undefined;
  /** Runs plain code with this span, and the incoming baggage, active for whatever instrumentation the process has. */
  activate<A>(run: () => A): A;
}

/** A part of a call's way that may become a span. */
export type Stage =
  | {
      readonly _tag: "call";
      readonly method: string;
      readonly facts: SpanFields;
      /** What was active in the host when the call was made; see {@link Telemetry.capture}. */
      readonly host: HostContext | undefined;
      /** Set for a call that begins a trace of its own in place of being a child: the span that it links to. */
      readonly linkTo?: SpanIds | undefined;
    }
  | { readonly _tag: "map"; readonly facts: SpanFields; readonly host: HostContext | undefined }
  | { readonly _tag: "acquire"; readonly facts: SpanFields }
  | { readonly _tag: "boot"; readonly facts: SpanFields; readonly links: ReadonlyArray<SpanIds> }
  | { readonly _tag: "attempt"; readonly facts: SpanFields; readonly host: HostContext | undefined }
  | { readonly _tag: "backoff"; readonly facts: SpanFields }
  | { readonly _tag: "server"; readonly method: string; readonly facts: SpanFields; readonly carrier: TraceCarrier }
  | { readonly _tag: "handler"; readonly facts: SpanFields; readonly carrier: TraceCarrier };

/** What was active in the host process when a call was made. Opaque to the house. */
export interface HostContext {
  readonly _: unique symbol;
}

/** State of a pool at one moment, as its gauges and counters show it. */
export interface PoolSnapshot {
  readonly pending: number;
  readonly runners: Readonly<Record<"booting" | "idle" | "busy" | "draining" | "ejected", number>>;
  readonly slotsUsed: number;
  readonly slotsProvisioned: number;
  readonly slotsLimit: number;
  /** Since the pool was made. */
  readonly slotBusySeconds: number;
  /** Since the pool was made. */
  readonly slotAvailableSeconds: number;
}

export type AcquireResult = "acquired" | "timeout" | "canceled" | "rejected";
export type AcquireSource = "warm" | "queued" | "cold";
export type TerminationReason = "idle" | "drain" | "crash" | "unhealthy" | "recycled";
export type BootOutcome = "ok" | "error" | "timeout" | "canceled";
/** What stood in the way of an attempt that the method's declarations allow. */
export type RetryDenialReason = "budget" | "condition" | "deadline" | "max_attempts";
export type RejectionReason = "expired" | "mismatch" | "replay" | "unknown_key" | "malformed" | "instance";

export type IdempotencyOutcome = "executed" | "joined" | "replayed" | "conflict" | "unavailable";

/** Something that happened, with all that a metric or a log record needs. Durations in milliseconds. */
export type FlameEvent =
  | { readonly _tag: "CallStarted"; readonly method: string; readonly pool: string }
  | {
      readonly _tag: "CallEnded";
      readonly method: string;
      readonly pool: string;
      readonly durationMs: number;
      readonly attempts: number;
      readonly phases: PhaseTimes;
      readonly error: CallError | undefined;
      readonly invocationId: string;
      readonly span: SpanIds | undefined;
    }
  | {
      readonly _tag: "AttemptEnded";
      readonly method: string;
      readonly pool: string;
      readonly kind: "first" | "retry" | "hedge";
      readonly durationMs: number;
      readonly error: CallError | undefined;
      readonly span: SpanIds | undefined;
    }
  | {
      readonly _tag: "RetryScheduled";
      readonly method: string;
      readonly pool: string;
      readonly invocationId: string;
      readonly nextAttempt: number;
      readonly delayMs: number;
      readonly reason: string;
      readonly span: SpanIds | undefined;
    }
  | {
      readonly _tag: "RetryRefused";
      readonly method: string;
      readonly pool: string;
      readonly invocationId: string;
      /** Attempts so far. */
      readonly attempts: number;
      readonly obstacle: RetryDenialReason;
      readonly reason: string;
      readonly span: SpanIds | undefined;
    }
  | {
      readonly _tag: "AcquireEnded";
      readonly pool: string;
      readonly result: AcquireResult;
      readonly source: AcquireSource;
      readonly durationMs: number;
      readonly span: SpanIds | undefined;
    }
  | { readonly _tag: "LeaseEnded"; readonly pool: string; readonly durationMs: number }
  | {
      readonly _tag: "RunnerBooting";
      readonly pool: string;
      readonly runnerId: string;
      readonly backend: string;
      readonly reason: string;
    }
  | {
      readonly _tag: "BootEnded";
      readonly pool: string;
      readonly runnerId: string;
      readonly backend: string;
      readonly result: BootOutcome;
      readonly durationMs: number;
      readonly error?: unknown;
    }
  | {
      readonly _tag: "RunnerDraining";
      readonly pool: string;
      readonly runnerId: string;
      /** `orphaned` is what a runner says of itself. */
      readonly reason: TerminationReason | "orphaned";
      readonly detail?: string;
    }
  | {
      readonly _tag: "RunnerTerminated";
      readonly pool: string;
      readonly runnerId: string;
      readonly reason: TerminationReason;
      readonly detail?: string;
    }
  | PoolTrouble
  | { readonly _tag: "PoolSaturated"; readonly pool: string; readonly pending: number; readonly limit: number }
  | {
      readonly _tag: "PoolScaled";
      readonly pool: string;
      readonly from: number;
      readonly to: number;
      readonly reason: string;
    }
  | {
      readonly _tag: "SignatureRejected";
      readonly pool: string;
      readonly reason: RejectionReason;
      readonly detail: string;
    }
  | {
      readonly _tag: "HeartbeatRefused";
      readonly by: "runner" | "parent";
      readonly pool: string;
      readonly runnerId: string;
      readonly code: FlameErrorCode;
      readonly detail: string;
      /** In a row, this one included. */
      readonly count: number;
      readonly orphanTimeoutMs?: number;
    }
  | { readonly _tag: "ClockOffset"; readonly pool: string; readonly offsetMs: number }
  | {
      readonly _tag: "ClockStepped";
      readonly pool: string;
      /** The runner whose clock it is; `undefined` for the parent's. */
      readonly runnerId: string | undefined;
      /** By how much the clock was moved; negative for back. */
      readonly stepMs: number;
    }
  | {
      readonly _tag: "RunnerSpans";
      readonly pool: string;
      readonly outcome: "reported" | "lost";
      readonly count: number;
    }
  | {
      readonly _tag: "IsolateTerminated";
      readonly method: string;
      readonly pool: string;
      readonly runnerId: string;
      readonly invocationId: string;
      readonly attempt: number;
      readonly isolation: IsolateKind;
      /** How long the handler had had its signal. */
      readonly graceMs: number;
      /** `false` when even that did not end it: a thread inside native code. */
      readonly stopped: boolean;
      readonly span: SpanIds | undefined;
    }
  | { readonly _tag: "IdempotencyDecided"; readonly pool: string; readonly outcome: IdempotencyOutcome }
  | {
      readonly _tag: "ServerEnded";
      readonly method: string;
      readonly pool: string;
      readonly durationMs: number;
      readonly error: CallError | undefined;
      /** What the handler threw, for the log. */
      readonly thrown?: unknown;
      readonly invocationId: string;
      readonly attempt: number;
      readonly span: SpanIds | undefined;
    };

/** What the house calls. */
export interface Telemetry {
  /** Must be called in the caller's own stack, before any Effect runs: it reads what is active there. */
  capture(): HostContext | undefined;
  /**
   * Runs an effect as a stage. The span ends with the effect and takes its status from the exit: unset on success,
   * ERROR with the failure's status on failure, `CANCELLED` on interruption.
   */
  stage<A, E, R>(stage: Stage, run: (span: StageSpan) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R>;
  /** The span of a stage that runs in another thread or process, to be active here. It is noted and ended there. */
  adopt(carrier: TraceCarrier): StageSpan;
  /** Says what happened. Never throws. */
  emit(event: FlameEvent): void;
  /** Shows a pool's state whenever metrics are read, until the returned function is called. */
  watchPool(pool: string, snapshot: () => PoolSnapshot): () => void;
}

/** Receives events; the metrics adapter and the log adapter are sinks. */
export interface EventSink {
  emit(event: FlameEvent): void;
  watchPool?(pool: string, snapshot: () => PoolSnapshot): () => void;
}

/** Makes spans; the OpenTelemetry adapter is one. */
export type StageTracer = Pick<Telemetry, "capture" | "stage" | "adopt">;

const noSpan: StageSpan = {
  setAttributes: () => {},
  setBootPhases: () => {},
  link: () => {},
  carrier: {},
  ids: undefined,
  activate: (run) => run(),
};

/** Records no spans. */
export const noTracer: StageTracer = {
  capture: () => undefined,
  stage: (_stage, run) => Effect.suspend(() => run(noSpan)),
  adopt: (carrier) => ({ ...noSpan, carrier }),
};

const sinkFailures = new FailureSeries();

/**
 * Joins a tracer and sinks. A sink that throws is a defect of that sink: the first error of a series goes to `console.error`, and the
 * call goes on.
 */
export const makeTelemetry = (tracer: StageTracer, sinks: ReadonlyArray<EventSink>): Telemetry => ({
  capture: tracer.capture,
  stage: tracer.stage,
  adopt: tracer.adopt,
  emit: (event) => {
    for (const sink of sinks) {
      try {
        sink.emit(event);
      } catch (error) {
        if (sinkFailures.begins(performance.now()))
          console.error(`firelight error: a telemetry sink failed: ${messageOf(error)}`);
      }
    }
  },
  watchPool: (pool, snapshot) => {
    const stops = sinks.map((sink) => sink.watchPool?.(pool, snapshot));
    return () => {
      for (const stop of stops) stop?.();
    };
  },
});

/** Tells nothing to nobody. */
export const noTelemetry: Telemetry = makeTelemetry(noTracer, []);
