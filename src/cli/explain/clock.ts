/**
 * By how much clocks of runners differ from the parent's, for drawing: a runner's
 * spans are drawn where they would be by the parent's clock. What was recorded is
 * never changed.
 */
import { isServer, isStage, numberOf } from "./facts.ts";
import type { Span } from "./telemetry-data.ts";
import type { TraceIndex } from "./trace-index.ts";

/** Milliseconds from which a difference can be seen in a waterfall. */
const noticeableMs = 5;

/** The difference that a runner's spans are drawn with; 0 where it would not be noticed. */
const offsetBelow = (attempt: Span, server: Span): number => {
  const offsetMs = numberOf(attempt, "clockOffsetMs") ?? numberOf(server, "clockOffsetMs") ?? 0;
  return Math.abs(offsetMs) >= noticeableMs ? offsetMs : 0;
};

/** What has to be taken from the times of `child`, when so much is taken from those of its parent. */
export const shiftOf = (parent: Span, child: Span, parentShiftMs: number): number =>
  isStage(parent, "attempt") && isServer(child) ? parentShiftMs + offsetBelow(parent, child) : parentShiftMs;

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
