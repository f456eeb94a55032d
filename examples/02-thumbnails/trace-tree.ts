/** A call's trace as a tree beside a time axis: what happened, in which process, for how long, and how it ended. */
import { attributes, phases, spans as catalog } from "firelight/catalog";
import type { Span } from "./spans.ts";
import { duration, heading, lengthOf, padEnd, print, type Style, styled, width } from "../shared/terminal.ts";

interface Row {
  readonly label: string;
  readonly note: string;
  readonly span: Span;
  readonly style: Style;
}

const durationWidth = 8;

/** An attribute by its key in the catalog. */
export const get = (span: Span, key: keyof typeof attributes): string =>
  String(span.attributes[attributes[key].name] ?? "");

/** The logical calls among spans: those that their caller saw. */
export const callsIn = (spans: ReadonlyArray<Span>): ReadonlyArray<Span> =>
  spans.filter((span) => attributes.attemptCount.name in span.attributes);

/** How often a call was tried. */
export const attemptsOf = (call: Span): number => Number(get(call, "attemptCount"));

export const lengthMs = (span: Span): number => span.endMs - span.startMs;

const describe = (span: Span): Omit<Row, "span"> => {
  const outcome = get(span, "errorType");
  switch (span.name) {
    case catalog.acquire.name:
      return { label: `acquire, ${get(span, "acquireSource")}`, note: outcome, style: "yellow" };
    case catalog.boot.name:
      return { label: `⇢ boot of ${get(span, "runnerId")}`, note: outcome, style: "magenta" };
    case catalog.attempt.name:
      return { label: `attempt ${get(span, "attempt")} on ${get(span, "runnerId")}`, note: outcome, style: "blue" };
    case catalog.backoff.name:
      return { label: "backoff", note: get(span, "retryReason"), style: "gray" };
    case catalog.handler.name:
      return { label: "handler", note: outcome, style: "green" };
    default:
      return { label: `${span.name}, ${span.kind === "server" ? "server" : "call"}`, note: outcome, style: "cyan" };
  }
};

/** A span, the boots that it waited for, and everything below it. */
const rowsOf = (span: Span, all: ReadonlyArray<Span>, before: string, elbow: string): ReadonlyArray<Row> => {
  const boots = all.filter(({ spanId, name }) => name === catalog.boot.name && span.links.includes(spanId));
  const children = [...boots, ...all.filter(({ parentSpanId }) => parentSpanId === span.spanId)];
  const { label, note, style } = describe(span);
  const below = elbow === "" ? before : before + (elbow === "└─ " ? "   " : "│  ");
  return [
    { label: `${styled("dim", before + elbow)}${label}`, note, style, span },
    ...children.flatMap((child, index) => rowsOf(child, all, below, index === children.length - 1 ? "└─ " : "├─ ")),
  ];
};

const bar = ({ span, style }: Row, root: Span, cells: number): string => {
  const at = (ms: number): number => Math.round(Math.min(1, Math.max(0, (ms - root.startMs) / lengthMs(root))) * cells);
  const from = Math.min(at(span.startMs), cells - 1);
  return " ".repeat(from) + styled(span.failed ? "red" : style, "▇".repeat(Math.max(1, at(span.endMs) - from)));
};

const axis = (root: Span, cells: number): string => {
  const marks = [0, 0.5, 1].map((share) => duration((lengthMs(root) * share) / 1000));
  const [start, middle, end] = marks as [string, string, string];
  const upToMiddle = start.padEnd(Math.floor(cells / 2) - Math.floor(middle.length / 2), " ") + middle;
  return styled("dim", upToMiddle + end.padStart(cells - upToMiddle.length));
};

/** Describes the phases of a call. Phases with less than 5% of the time are combined. */
const phaseLine = (call: Span): string => {
  const all = phases.map((phase) => [phase, Number(call.attributes[`flame.phase.${phase}_ms`] ?? 0)] as const);
  const named = all.filter(([phase, ms]) => ms >= 0.05 * lengthMs(call) && phase !== "other");
  const rest = lengthMs(call) - named.reduce((sum, [, ms]) => sum + ms, 0);
  return [...named, ["rest", Math.max(0, rest)] as const]
    .map(([phase, ms]) => `${phase.replace("_queue", "")} ${duration(ms / 1000)}`)
    .join(", ");
};

/** Prints the trace of a call. `all` are the spans of all traces: a call links to the boots that it waited for. */
export const printTrace = (title: string, call: Span, all: ReadonlyArray<Span>): void => {
  heading(title, `trace ${call.traceId}`);
  const rows = rowsOf(call, all, "", "");
  const texts = rows.map(
    ({ label, note, span }) => `${label}${note === "" ? "" : ` ${styled(span.failed ? "red" : "yellow", note)}`}`,
  );
  const labelWidth = Math.max(...texts.map(lengthOf));
  const cells = width - labelWidth - durationWidth - 4;
  print(`${" ".repeat(labelWidth + durationWidth + 4)}${axis(call, cells)}`);
  rows.forEach((row, index) => {
    const took = duration(lengthMs(row.span) / 1000).padStart(durationWidth);
    print(`${padEnd(texts[index]!, labelWidth)}  ${took}  ${bar(row, call, cells)}`);
  });
  print(styled("dim", `  ${phaseLine(call)}`));
};
