/** The error that everything else followed from: the first one in the call's tree to end badly. */
import { logs } from "../../telemetry/catalog.ts";
import { below } from "./clock.ts";
import { hasFailed, isServer, isStage, numberOf, textOf } from "./facts.ts";
import { exceptionIn } from "./otlp-json.ts";
import type { RecordedException, Span } from "./telemetry-data.ts";
import type { TraceIndex } from "./trace-index.ts";

export interface FirstErrorStory {
  /** The span that failed first, in words. */
  readonly where: string;
  /** `service.name` of the process. */
  readonly service: string;
  /** From the start of the call to the end of that span. */
  readonly afterMs: number;
  readonly message: string | undefined;
  /** What was thrown, from the log or from the span's events. */
  readonly exception: RecordedException | undefined;
  readonly spanId: string;
}

const canceled = "CANCELLED";

/** Where something happened, in words. */
const placeOf = (span: Span): string => {
  if (isStage(span, "attempt")) {
    const runner = textOf(span, "runnerId");
    return `attempt ${numberOf(span, "attempt") ?? 1}${runner === undefined ? "" : ` on ${runner}`}`;
  }
  if (isStage(span, "handler")) return `the handler of ${textOf(span, "method") ?? "the method"}`;
  if (isStage(span, "acquire")) return `getting a slot in the pool ${textOf(span, "pool") ?? ""}`.trimEnd();
  if (isServer(span)) return `${span.name} on ${textOf(span, "runnerId") ?? "the runner"}`;
  return span.name;
};

/** The attempt that a span belongs to, or the span itself where it belongs to none. */
const attemptAround = (index: TraceIndex, span: Span): Span => {
  for (let at: Span | undefined = span; at !== undefined; at = index.parentOf(at))
    if (isStage(at, "attempt")) return at;
  return span;
};

/** What was thrown in the same attempt: as the runner's log has it, else as the events of spans do. */
const exceptionOf = (index: TraceIndex, span: Span): RecordedException | undefined => {
  const spans = below(index, attemptAround(index, span)).map((placed) => placed.span);
  const records = index.logsOf(spans).filter(({ event }) => event === logs.serverException.name);
  return (
    records.map(({ attributes }) => exceptionIn(attributes)).find((exception) => exception !== undefined) ??
    spans.flatMap(({ exceptions }) => exceptions)[0]
  );
};

/**
 * Tells where it went wrong first. An error that ended at the same time as the one around it is the deeper one. Attempts that
 * were given up for a faster one are no errors, unless the call itself was canceled.
 */
export const tellFirstError = (index: TraceIndex, call: Span): FirstErrorStory | undefined => {
  const givenUp = textOf(call, "errorType") === canceled;
  const failed = below(index, call)
    .filter(({ span }) => hasFailed(span) && (givenUp || textOf(span, "errorType") !== canceled))
    .map(({ span, shiftMs }, depth) => ({ span, depth, endMs: span.endMs - shiftMs }))
    .toSorted((left, right) => left.endMs - right.endMs || right.depth - left.depth);
  const [first] = failed;
  if (first === undefined) return undefined;
  const { span, endMs } = first;
  const message = span.statusMessage ?? attemptAround(index, span).statusMessage;
  return {
    where: placeOf(span),
    service: span.service,
    afterMs: endMs - call.startMs,
    message,
    exception: exceptionOf(index, span),
    spanId: span.spanId,
  };
};
