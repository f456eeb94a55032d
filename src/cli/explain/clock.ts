/**
 * By how much clocks of runners differ from the parent's, for drawing: a runner's
 * spans are drawn where they would be by the parent's clock. What was recorded is
 * never changed.
 */
import { isServer, isStage, lengthMs, numberOf } from "./facts.ts";
import type { Span } from "./telemetry-data.ts";
import type { TraceIndex } from "./trace-index.ts";

/** Milliseconds from which a difference can be seen in a waterfall. */
const visibleMs = 5;

/**
 * The runner's clock less the parent's, as an attempt measured it, if that is worth a word: if it can be seen, and is more than what
 * the way there and back can pretend. Else 0.
 */
export const noticeableOffset = (attempt: Span, server: Span | undefined): number => {
  const offsetMs = numberOf(attempt, "clockOffsetMs") ?? (server && numberOf(server, "clockOffsetMs")) ?? 0;
  const uncertainMs = (lengthMs(attempt) - (server === undefined ? 0 : lengthMs(server))) / 2;
  return Math.abs(offsetMs) >= visibleMs && Math.abs(offsetMs) > uncertainMs ? offsetMs : 0;
};

/** What has to be taken from the times of `child`, when so much is taken from those of its parent. */
export const shiftOf = (parent: Span, child: Span, parentShiftMs: number): number =>
  isStage(parent, "attempt") && isServer(child) ? parentShiftMs + noticeableOffset(parent, child) : parentShiftMs;

/** A span with what is taken from its times. */
export interface Placed {
  readonly span: Span;
  readonly shiftMs: number;
}

/** A call's span and every span below it, each with its shift. */
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
