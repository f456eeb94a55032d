/**
 * The telemetry interface. Stages and the pool report events through it; the adapters beside this file turn them into
 * spans, metrics and log records. Without adapters it is a no-op.
 */
import type * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import type * as Exit from "effect/Exit";
import type * as Fiber from "effect/Fiber";
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
      /** The option that holds the function. */
      readonly name: string;
      /** What went wrong, as the second half of a sentence. */
      readonly fault: string;
      /** What is used instead, as a clause. */
      readonly fallback: string;
      readonly error?: unknown;
    };

/** Identifies a span, for links and exemplars. */
export interface SpanIds {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
  /** Set where nothing is recorded: this is the caller's span, relayed. */
  readonly relayed?: true;
  /**
   * `true` once an observation of this span was chosen as an exemplar; the span then carries the attribute. `false`
   * while it can still be chosen: it is open and recorded.
   */
  exemplar?: boolean | undefined;
}

/** The span of a stage that is running. */
export interface StageSpan {
  /**
   * Sets attributes. Fields with the value `undefined` are ignored. A `status` other than `OK` marks the stage as
   * failed with that status even if its effect succeeds or is interrupted.
   */
  setAttributes(facts: SpanFields): void;
  /** Records the duration of each step of a boot, in milliseconds by name. */
  setBootPhases(phases: Readonly<Record<string, number>>): void;
  /** Adds a link to another span. */
  link(to: SpanIds): void;
  /** The trace context to send, with the baggage that may be sent. */
  readonly carrier: TraceCarrier;
  /** `undefined` if there is no trace. */
  readonly ids: SpanIds | undefined;
  /** Runs a function with this span and the incoming baggage active, for the instrumentation of the process. */
  activate<Args extends Array<unknown>, A>(run: (...args: Args) => A, ...args: Args): A;
  /** The context of a fiber inside this stage, where the span is the parent of Effect's spans. */
  within<R>(context: Context.Context<R>): Context.Context<R>;
  /**
   * Ends the stage, once. The span takes its status from the exit: unset on success, ERROR with the status of the
   * failure, `CANCELLED` on interruption.
   */
  end(exit: Exit.Exit<unknown, unknown>): void;
}

/** The fiber that a stage is in. */
export type AnyFiber = Fiber.Fiber<unknown, unknown>;

/** A part of a call that may become a span. */
export type Stage =
  | {
      readonly _tag: "call";
      readonly method: string;
      readonly facts: SpanFields;
      /** The context that was active in the host when the call was made; see {@link Telemetry.capture}. */
      readonly host: HostContext | undefined;
      /** Starts a new trace that links to this span, instead of a child span. */
      readonly linkTo?: SpanIds | undefined;
    }
  | { readonly _tag: "map"; readonly facts: SpanFields; readonly host: HostContext | undefined }
  | { readonly _tag: "acquire"; readonly facts: SpanFields }
  | { readonly _tag: "boot"; readonly facts: SpanFields; readonly links: ReadonlyArray<SpanIds> }
  | { readonly _tag: "attempt"; readonly facts: SpanFields; readonly host: HostContext | undefined }
  | { readonly _tag: "backoff"; readonly facts: SpanFields }
  | { readonly _tag: "server"; readonly method: string; readonly facts: SpanFields; readonly carrier: TraceCarrier }
  | { readonly _tag: "handler"; readonly facts: SpanFields; readonly carrier: TraceCarrier };

/** The context that was active in the host process when a call was made. Opaque outside of the tracer. */
export interface HostContext {
  readonly _: unique symbol;
}

/** The state of a pool at one moment, as its metrics show it. */
export interface PoolSnapshot {
  /** Calls that wait for a slot. */
  readonly pending: number;
  /** Number of runners, by state. */
  readonly runners: Readonly<Record<"booting" | "idle" | "busy" | "draining" | "ejected", number>>;
  /** Slots in use. */
  readonly slotsUsed: number;
  /** Slots on runners that are ready. */
  readonly slotsProvisioned: number;
  /** Maximum number of slots of the pool. */
  readonly slotsLimit: number;
  /** Slot-seconds in use since the pool was created. */
  readonly slotBusySeconds: number;
  /** Slot-seconds available since the pool was created. */
  readonly slotAvailableSeconds: number;
}

export type AcquireResult = "acquired" | "timeout" | "canceled" | "rejected";
export type AcquireSource = "warm" | "queued" | "cold";
export type TerminationReason = "idle" | "drain" | "crash" | "unhealthy" | "recycled";
export type BootOutcome = "ok" | "error" | "timeout" | "canceled";
/** Why an attempt was not made although the options of the call allow it. */
export type RetryDenialReason = "budget" | "condition" | "deadline" | "max_attempts";
export type RejectionReason = "expired" | "mismatch" | "replay" | "unknown_key" | "malformed" | "instance";

export type IdempotencyOutcome = "executed" | "joined" | "replayed" | "conflict" | "unavailable";

/** An event with everything that a metric or a log record needs. Durations are in milliseconds. */
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
      /** Number of attempts so far. */
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
      /** `orphaned` is reported by the runner itself. */
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
      /** Number of refusals in a row, including this one. */
      readonly count: number;
      readonly orphanTimeoutMs?: number;
    }
  | { readonly _tag: "ClockOffset"; readonly pool: string; readonly offsetMs: number }
  | {
      readonly _tag: "ClockStepped";
      readonly pool: string;
      /** The runner whose clock moved; `undefined` for the parent's. */
      readonly runnerId: string | undefined;
      /** The size of the step; negative for backward. */
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
      /** Time between the handler's signal and its termination. */
      readonly graceMs: number;
      /** `false` if termination failed: a thread in native code. */
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
      /** The error that the handler threw, for the log. */
      readonly thrown?: unknown;
      readonly invocationId: string;
      readonly attempt: number;
      readonly span: SpanIds | undefined;
    };

/** The telemetry interface that parents and runners call. */
export interface Telemetry {
  /** Reads the active context. Must be called in the caller's own stack, before any Effect runs. */
  capture(): HostContext | undefined;
  /**
   * Begins a stage.
   *
   * @param fiber the fiber that it is in, if any
   * @param outer the stage that it is in, if it is not the one of the fiber
   */
  begin(stage: Stage, fiber?: AnyFiber, outer?: StageSpan): StageSpan;
  /** Runs an effect as a stage. It ends with the effect. */
  stage<A, E, R>(stage: Stage, run: (span: StageSpan) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R>;
  /**
   * Returns a handle for a stage that runs in another thread or process, to activate it here. Attributes and the end
   * are recorded there.
   */
  adopt(carrier: TraceCarrier): StageSpan;
  /** Reports an event. Never throws. */
  emit(event: FlameEvent): void;
  /** Reads the state of a pool whenever metrics are read. The returned function stops it. */
  watchPool(pool: string, snapshot: () => PoolSnapshot): () => void;
}

/** Receives events. The metrics adapter and the log adapter are sinks. */
export interface EventSink {
  emit(event: FlameEvent): void;
  watchPool?(pool: string, snapshot: () => PoolSnapshot): () => void;
}

/** Records stages as spans. The OpenTelemetry adapter is one implementation. */
export type StageTracer = Pick<Telemetry, "capture" | "begin" | "stage" | "adopt">;

/** Runs effects as stages that `begin` begins. */
export const stageWith =
  (begin: StageTracer["begin"]): StageTracer["stage"] =>
  <A, E, R>(stage: Stage, run: (span: StageSpan) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.withFiber<A, E, R>((fiber) => {
      const span = begin(stage, fiber);
      const inside = Effect.updateContext(
        Effect.suspend(() => run(span)),
        (context: Context.Context<R>) => span.within(context),
      );
      return Effect.onExitPrimitive(inside, (exit) => {
        span.end(exit);
        return undefined;
      });
    });

/** The span of a stage that records nothing and relays nothing. */
export const noSpan: StageSpan = {
  setAttributes: () => {},
  setBootPhases: () => {},
  link: () => {},
  carrier: {},
  ids: undefined,
  activate: (run, ...args) => run(...args),
  within: (context) => context,
  end: () => {},
};

/** Records no spans. */
export const noTracer: StageTracer = {
  capture: () => undefined,
  begin: () => noSpan,
  stage: (_stage, run) => Effect.suspend(() => run(noSpan)),
  adopt: (carrier) => ({ ...noSpan, carrier }),
};

const sinkFailures = new FailureSeries();

/**
 * Combines a tracer and sinks. An error in a sink does not fail the call; the first error of a series is written to
 * `console.error`.
 */
export const makeTelemetry = (tracer: StageTracer, sinks: ReadonlyArray<EventSink>): Telemetry => ({
  capture: tracer.capture,
  begin: tracer.begin,
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

/** A no-op implementation. */
export const noTelemetry: Telemetry = makeTelemetry(noTracer, []);
