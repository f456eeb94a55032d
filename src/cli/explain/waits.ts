/** What a call waited for to get a slot: boots, and the calls that held the slots. */
import { attributes } from "../../telemetry/catalog.ts";
import { hasFailed, isStage, lengthMs, methodOf, numberOf, textOf } from "./facts.ts";
import type { Span, SpanRef } from "./telemetry-data.ts";
import type { TraceIndex } from "./trace-index.ts";

/** A boot or a call that the call waited for. */
export interface Obstacle extends SpanRef {
  /** `unknown` if its span is not in the data. */
  readonly what: "boot" | "call" | "unknown";
  /** The booted runner, or the called method. */
  readonly name: string | undefined;
  readonly durationMs: number | undefined;
  /** When it finished, relative to the start of the wait. */
  readonly overAfterMs: number | undefined;
  readonly failed: boolean;
  /** The steps of a boot, in milliseconds. */
  readonly bootPhases: Readonly<Record<string, number>>;
}

export interface WaitReport {
  /** `acquired`, `timeout`, `canceled` or `rejected`. */
  readonly result: string;
  /** `queued` or `cold`. */
  readonly source: string;
  readonly durationMs: number;
  /** Number of calls that were already waiting. */
  readonly queueDepth: number | undefined;
  readonly slotLimit: number | undefined;
  readonly obstacles: ReadonlyArray<Obstacle>;
}

const bootPrefix = `${attributes.bootPhase.name}.`;

const bootPhasesOf = (boot: Span): Record<string, number> =>
  Object.fromEntries(
    Object.entries(boot.attributes)
      .filter(([name, value]) => name.startsWith(bootPrefix) && Number.isFinite(Number(value)))
      .map(([name, value]) => [name.slice(bootPrefix.length), Number(value)]),
  );

const obstacle = (index: TraceIndex, acquire: Span, ref: SpanRef): Obstacle => {
  const span = index.find(ref);
  const { traceId, spanId } = ref;
  if (span === undefined) {
    const unknown = { name: undefined, durationMs: undefined, overAfterMs: undefined, failed: false, bootPhases: {} };
    return { traceId, spanId, what: "unknown", ...unknown };
  }
  const boot = isStage(span, "boot");
  return {
    traceId,
    spanId,
    what: boot ? "boot" : "call",
    name: boot ? textOf(span, "runnerId") : methodOf(span),
    durationMs: lengthMs(span),
    overAfterMs: span.endMs - acquire.startMs,
    failed: hasFailed(span),
    bootPhases: boot ? bootPhasesOf(span) : {},
  };
};

/** Returns the boots that an acquire waited for, first the one of the runner that it got. */
export const bootsOf = (index: TraceIndex, call: Span, acquire: Span): ReadonlyArray<Span> => {
  const linked = acquire.links.flatMap((link) => index.find(link) ?? []);
  const asked = index
    .linkingTo(call)
    .filter(({ startMs, endMs }) => startMs < acquire.endMs && endMs > acquire.startMs);
  const runnerId = textOf(acquire, "runnerId");
  const ours = (boot: Span): number => Number(runnerId !== undefined && textOf(boot, "runnerId") === runnerId);
  return [...new Set([...linked, ...asked])]
    .filter((span) => isStage(span, "boot"))
    .toSorted((left, right) => ours(right) - ours(left) || left.startMs - right.startMs);
};

export const acquireSpans = (index: TraceIndex, call: Span): ReadonlyArray<Span> =>
  index.childrenOf(call).filter((span) => isStage(span, "acquire"));

const analyzeWait = (index: TraceIndex, call: Span, acquire: Span): WaitReport => {
  const refs = new Map(
    [...bootsOf(index, call, acquire), ...acquire.links].map((ref) => [`${ref.traceId}/${ref.spanId}`, ref]),
  );
  return {
    result: textOf(acquire, "acquireResult") ?? (acquire.failed ? "rejected" : "acquired"),
    source: textOf(acquire, "acquireSource") ?? "queued",
    durationMs: lengthMs(acquire),
    queueDepth: numberOf(acquire, "queueDepth"),
    slotLimit: numberOf(acquire, "slotLimit"),
    obstacles: [...refs.values()].map((ref) => obstacle(index, acquire, ref)),
  };
};

/** Returns every wait for a slot. A call that found a free slot has none. */
export const analyzeWaits = (index: TraceIndex, call: Span): ReadonlyArray<WaitReport> =>
  acquireSpans(index, call).map((acquire) => analyzeWait(index, call, acquire));

/** The cold start of a call. */
export interface ColdStartReport {
  readonly waitedMs: number;
  /** Share of the call's duration, from 0 to 1. */
  readonly share: number;
  /** The boot of the runner that it got, or of the first runner started for it. */
  readonly boot: Obstacle | undefined;
}

/** Returns the cold start; `undefined` if there was none. */
export const analyzeColdStart = (call: Span, waits: ReadonlyArray<WaitReport>): ColdStartReport | undefined => {
  const cold = waits.filter(({ source }) => source === "cold");
  if (cold.length === 0) return undefined;
  const waitedMs = cold.reduce((sum, { durationMs }) => sum + durationMs, 0);
  const boots = cold.flatMap(({ obstacles }) => obstacles.filter(({ what }) => what === "boot"));
  return { waitedMs, share: lengthMs(call) > 0 ? Math.min(1, waitedMs / lengthMs(call)) : 0, boot: boots[0] };
};
