/** Arranges a call as rows on a time axis: its own spans, the boots that it waited for, and the user's spans. */
import { spans as catalog } from "../../telemetry/catalog.ts";
import { shiftOf } from "./clock.ts";
import { hasFailed, isCall, isServer, isStage, lengthMs, textOf } from "./facts.ts";
import type { Span } from "./telemetry-data.ts";
import type { TraceIndex } from "./trace-index.ts";
import { bootsOf } from "./waits.ts";

export type RowKind = "call" | "acquire" | "boot" | "attempt" | "backoff" | "server" | "handler" | "map" | "other";

export interface TimelineRow {
  readonly kind: RowKind;
  readonly label: string;
  /** The lines that connect it to its parent. */
  readonly branch: string;
  /** Why the attempt was made, or how the span ended, if it is not a plain success. */
  readonly note: string | undefined;
  readonly failed: boolean;
  /** Time since the start of the call, by the parent's clock; may be negative. */
  readonly startMs: number;
  readonly durationMs: number;
  /** The correction of the recorded times for the clock difference. */
  readonly shiftMs: number;
  readonly service: string;
  readonly spanId: string | undefined;
}

/** Maximum number of children of a span that are shown individually. */
const maxChildren = 25;
const maxDepth = 40;

const kindOf = (span: Span): RowKind => {
  for (const kind of ["acquire", "boot", "attempt", "backoff", "handler", "map"] as const)
    if (span.name === catalog[kind].name) return kind;
  return isCall(span) ? "call" : isServer(span) ? "server" : "other";
};

const on = (span: Span): string => {
  const runner = textOf(span, "runnerId");
  return runner === undefined ? "" : ` on ${runner}`;
};

const labelOf = (span: Span, kind: RowKind): string => {
  switch (kind) {
    case "call":
      return `${span.name}, call`;
    case "acquire":
      return `acquire, ${textOf(span, "acquireSource") ?? "waiting"}`;
    case "boot":
      return `⇢ boot of ${textOf(span, "runnerId") ?? "a runner"}`;
    case "attempt":
      return `attempt ${textOf(span, "attempt") ?? ""}${on(span)}`;
    case "backoff":
      return "backoff";
    case "server":
      return `${span.name}${on(span)}`;
    case "handler":
      return "handler";
    case "map":
      return `${textOf(span, "method") ?? span.name}, map`;
    case "other":
      return span.name;
  }
};

const noteOf = (span: Span, kind: RowKind): string | undefined => {
  if (hasFailed(span)) return textOf(span, "errorType") ?? "failed";
  const attemptKind = kind === "attempt" ? textOf(span, "attemptKind") : undefined;
  return attemptKind === "retry" || attemptKind === "hedge" ? attemptKind : undefined;
};

interface Traversal {
  readonly index: TraceIndex;
  readonly call: Span;
  readonly seen: Set<Span>;
  readonly rows: Array<TimelineRow>;
}

const childrenOf = ({ index, call, seen }: Traversal, span: Span): ReadonlyArray<Span> => {
  const boots = isStage(span, "acquire") ? bootsOf(index, call, span) : [];
  return [...boots, ...index.childrenOf(span)].filter((child) => !seen.has(child));
};

/** Combines many spans into one row, such as the queries of a handler that makes hundreds. */
const summaryOf = (rest: ReadonlyArray<Span>, call: Span, branch: string, shiftMs: number): TimelineRow => {
  const startMs = Math.min(...rest.map((span) => span.startMs)) - shiftMs;
  const endMs = Math.max(...rest.map((span) => span.endMs)) - shiftMs;
  const failed = rest.filter(hasFailed).length;
  return {
    kind: "other",
    label: `… ${rest.length} more`,
    branch,
    note: failed === 0 ? undefined : `${failed} failed`,
    failed: failed > 0,
    startMs: startMs - call.startMs,
    durationMs: endMs - startMs,
    shiftMs,
    service: rest[0]!.service,
    spanId: undefined,
  };
};

const visit = (
  traversal: Traversal,
  span: Span,
  shiftMs: number,
  elbow: string,
  before: string,
  depth: number,
): void => {
  const { call, seen, rows } = traversal;
  seen.add(span);
  const kind = kindOf(span);
  rows.push({
    kind,
    label: labelOf(span, kind),
    branch: before + elbow,
    note: noteOf(span, kind),
    failed: hasFailed(span),
    startMs: span.startMs - shiftMs - call.startMs,
    durationMs: lengthMs(span),
    shiftMs,
    service: span.service,
    spanId: span.spanId,
  });
  if (depth >= maxDepth) return;
  const children = childrenOf(traversal, span);
  const shown = children.length > maxChildren ? children.slice(0, maxChildren - 1) : children;
  const rest = children.slice(shown.length);
  const inner = elbow === "" ? before : before + (elbow === "└─ " ? "   " : "│  ");
  shown.forEach((child, position) => {
    const last = position === shown.length - 1 && rest.length === 0;
    visit(traversal, child, shiftOf(span, child, shiftMs), last ? "└─ " : "├─ ", inner, depth + 1);
  });
  if (rest.length > 0) rows.push(summaryOf(rest, call, `${inner}└─ `, shiftMs));
};

/** Returns the rows of a call in drawing order. */
export const drawTimeline = (index: TraceIndex, call: Span): ReadonlyArray<TimelineRow> => {
  const traversal: Traversal = { index, call, seen: new Set(), rows: [] };
  visit(traversal, call, 0, "", "", 0);
  return traversal.rows;
};
