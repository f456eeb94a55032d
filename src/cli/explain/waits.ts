/** What a call waited for before it had a runner: boots, and the calls that held the slots. */
import { attributes } from "../../telemetry/catalog.ts";
import { hasFailed, isStage, lengthMs, methodOf, numberOf, textOf } from "./facts.ts";
import type { Span, SpanRef } from "./telemetry-data.ts";
import type { TraceIndex } from "./trace-index.ts";

/** A boot or a call that stood in the way. */
export interface Obstacle extends SpanRef {
  /** `unknown` when its span is not in the data. */
  readonly what: "boot" | "call" | "unknown";
  /** The runner that was booted, or the method that was called. */
  readonly name: string | undefined;
  readonly durationMs: number | undefined;
  /** When it was over, from the start of the wait. */
  readonly overAfterMs: number | undefined;
  readonly failed: boolean;
  /** Steps of a boot, in milliseconds. */
  readonly bootPhases: Readonly<Record<string, number>>;
}

export interface WaitStory {
  /** `acquired`, `timeout`, `canceled` or `rejected`. */
  readonly result: string;
  /** `queued` or `cold`. */
  readonly source: string;
  readonly durationMs: number;
  /** Calls that waited already. */
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
    const nothing = { name: undefined, durationMs: undefined, overAfterMs: undefined, failed: false, bootPhases: {} };
    return { traceId, spanId, what: "unknown", ...nothing };
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

/** The boots that an acquire waited for, that of the runner which it got first. */
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

const tell = (index: TraceIndex, call: Span, acquire: Span): WaitStory => {
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

/** Tells of every wait for a slot. A call that found one free has none. */
export const tellWaits = (index: TraceIndex, call: Span): ReadonlyArray<WaitStory> =>
  acquireSpans(index, call).map((acquire) => tell(index, call, acquire));

/** How much of a call was a cold start. */
export interface ColdStartStory {
  readonly waitedMs: number;
  /** Of the call's duration, from 0 to 1. */
  readonly share: number;
  /** The boot of the runner that it got, or of the first that was started for it. */
  readonly boot: Obstacle | undefined;
}

/** Tells of the cold start; `undefined` when the call met none. */
export const tellColdStart = (call: Span, waits: ReadonlyArray<WaitStory>): ColdStartStory | undefined => {
  const cold = waits.filter(({ source }) => source === "cold");
  if (cold.length === 0) return undefined;
  const waitedMs = cold.reduce((sum, { durationMs }) => sum + durationMs, 0);
  const boots = cold.flatMap(({ obstacles }) => obstacles.filter(({ what }) => what === "boot"));
  return { waitedMs, share: lengthMs(call) > 0 ? Math.min(1, waitedMs / lengthMs(call)) : 0, boot: boots[0] };
};
