/** Finds the root error: the first span in the call's tree that failed. */
import { logs } from "../../telemetry/catalog.ts";
import { below } from "./clock.ts";
import { hasFailed, isServer, isStage, numberOf, textOf } from "./facts.ts";
import { exceptionIn } from "./otlp-json.ts";
import type { RecordedException, Span } from "./telemetry-data.ts";
import type { TraceIndex } from "./trace-index.ts";

export interface FirstErrorReport {
  /** A description of the span that failed first. */
  readonly where: string;
  /** `service.name` of the process. */
  readonly service: string;
  /** Time from the start of the call to the end of that span. */
  readonly afterMs: number;
  readonly message: string | undefined;
  /** The exception, from the log or from the span's events. */
  readonly exception: RecordedException | undefined;
  readonly spanId: string;
}

const canceled = "CANCELLED";

/** Describes where a span ran. */
const locationOf = (span: Span): string => {
  if (isStage(span, "attempt")) {
    const runner = textOf(span, "runnerId");
    return `attempt ${numberOf(span, "attempt") ?? 1}${runner === undefined ? "" : ` on ${runner}`}`;
  }
  if (isStage(span, "handler")) return `the handler of ${textOf(span, "method") ?? "the method"}`;
  if (isStage(span, "acquire")) return `acquiring a slot in the pool ${textOf(span, "pool") ?? ""}`.trimEnd();
  if (isServer(span)) return `${span.name} on ${textOf(span, "runnerId") ?? "the runner"}`;
  return span.name;
};

/** Returns the attempt that a span belongs to; the span itself if there is none. */
const attemptAround = (index: TraceIndex, span: Span): Span => {
  for (let at: Span | undefined = span; at !== undefined; at = index.parentOf(at))
    if (isStage(at, "attempt")) return at;
  return span;
};

/** Returns the exception of the same attempt, from the runner's log, otherwise from span events. */
const exceptionOf = (index: TraceIndex, span: Span): RecordedException | undefined => {
  const spans = below(index, attemptAround(index, span)).map((placed) => placed.span);
  const records = index.logsOf(spans).filter(({ event }) => event === logs.serverException.name);
  return (
    records.map(({ attributes }) => exceptionIn(attributes)).find((exception) => exception !== undefined) ??
    spans.flatMap(({ exceptions }) => exceptions)[0]
  );
};

/**
 * Finds the first failed span. Of two that ended at the same time, the deeper one wins. Canceled hedges do not count as
 * errors, unless the call itself was canceled.
 */
export const findFirstError = (index: TraceIndex, call: Span): FirstErrorReport | undefined => {
  const callCanceled = textOf(call, "errorType") === canceled;
  const failed = below(index, call)
    .filter(({ span }) => hasFailed(span) && (callCanceled || textOf(span, "errorType") !== canceled))
    .map(({ span, shiftMs }, depth) => ({ span, depth, endMs: span.endMs - shiftMs }))
    .toSorted((left, right) => left.endMs - right.endMs || right.depth - left.depth);
  const [first] = failed;
  if (first === undefined) return undefined;
  const { span, endMs } = first;
  const message = span.statusMessage ?? attemptAround(index, span).statusMessage;
  return {
    where: locationOf(span),
    service: span.service,
    afterMs: endMs - call.startMs,
    message,
    exception: exceptionOf(index, span),
    spanId: span.spanId,
  };
};
