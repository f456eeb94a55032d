/**
 * Corrects clock differences for drawing: a runner's spans are drawn by the parent's clock. Recorded data is not
 * changed.
 */
import { isServer, isStage, lengthMs, numberOf } from "./facts.ts";
import type { Span } from "./telemetry-data.ts";
import type { TraceIndex } from "./trace-index.ts";

/** The smallest difference that is visible in a timeline, in milliseconds. */
const visibleMs = 5;

/**
 * Returns the runner's clock minus the parent's as measured by an attempt, if it is visible and larger than the
 * uncertainty of the measurement; otherwise 0.
 */
export const noticeableOffset = (attempt: Span, server: Span | undefined): number => {
  const offsetMs = numberOf(attempt, "clockOffsetMs") ?? (server && numberOf(server, "clockOffsetMs")) ?? 0;
  const uncertainMs = (lengthMs(attempt) - (server === undefined ? 0 : lengthMs(server))) / 2;
  return Math.abs(offsetMs) >= visibleMs && Math.abs(offsetMs) > uncertainMs ? offsetMs : 0;
};

/** Returns the time shift of `child`, given the shift of its parent. */
export const shiftOf = (parent: Span, child: Span, parentShiftMs: number): number =>
  isStage(parent, "attempt") && isServer(child) ? parentShiftMs + noticeableOffset(parent, child) : parentShiftMs;

/** A span with its time shift. */
export interface Placed {
  readonly span: Span;
  readonly shiftMs: number;
}

/** Returns a call's span and all spans below it, each with its shift. */
export const below = (index: TraceIndex, root: Span): ReadonlyArray<Placed> => {
  const placed: Array<Placed> = [{ span: root, shiftMs: 0 }];
  const seen = new Set<Span>([root]);
  for (const { span, shiftMs } of placed) {
    for (const child of index.childrenOf(span)) {
      if (seen.has(child)) continue;
      seen.add(child);
      placed.push({ span: child, shiftMs: shiftOf(span, child, shiftMs) });
    }
  }
  return placed;
};
