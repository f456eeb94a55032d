/** Indexes spans by id, parent and links, and finds the calls among them. */
import { CliError } from "../errors.ts";
import { hasFailed, isCall, isServer, lengthMs, textOf } from "./facts.ts";
import type { LogRecord, Span, SpanRef, TelemetryData } from "./telemetry-data.ts";

const keyOf = ({ traceId, spanId }: SpanRef): string => `${traceId}/${spanId}`;

/** Failed calls first, then the longest. */
const byInterest = (left: Span, right: Span): number =>
  Number(hasFailed(right)) - Number(hasFailed(left)) || lengthMs(right) - lengthMs(left);

/** Selects a call. */
export interface CallChoice {
  /** Default: any trace. */
  readonly traceId?: string | undefined;
  /** An invocation id, a prefix of it, or the id of the call's span. Default: a failed call, otherwise the slowest. */
  readonly call?: string | undefined;
}

export class TraceIndex {
  readonly #spans = new Map<string, Span>();
  readonly #children = new Map<string, Array<Span>>();
  readonly #linking = new Map<string, Array<Span>>();
  readonly #logs: ReadonlyArray<LogRecord>;

  constructor({ spans, logs }: TelemetryData) {
    this.#logs = logs.toSorted((left, right) => left.timeMs - right.timeMs);
    for (const span of spans.toSorted((left, right) => left.startMs - right.startMs)) {
      this.#spans.set(keyOf(span), span);
      if (span.parentSpanId !== undefined)
        this.#add(this.#children, { traceId: span.traceId, spanId: span.parentSpanId }, span);
      for (const link of span.links) this.#add(this.#linking, link, span);
    }
  }

  #add(groups: Map<string, Array<Span>>, ref: SpanRef, span: Span): void {
    const key = keyOf(ref);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [span]);
    else group.push(span);
  }

  find(ref: SpanRef): Span | undefined {
    return this.#spans.get(keyOf(ref));
  }

  parentOf({ traceId, parentSpanId }: Span): Span | undefined {
    return parentSpanId === undefined ? undefined : this.find({ traceId, spanId: parentSpanId });
  }

  /** Returns the children of a span in the order of their start. */
  childrenOf(span: Span): ReadonlyArray<Span> {
    return this.#children.get(keyOf(span)) ?? [];
  }

  /** Returns the spans that link to this one. */
  linkingTo(span: Span): ReadonlyArray<Span> {
    return this.#linking.get(keyOf(span)) ?? [];
  }

  /** Returns the log records of these spans, oldest first. */
  logsOf(spans: ReadonlyArray<Span>): ReadonlyArray<LogRecord> {
    const keys = new Set(spans.map(keyOf));
    return this.#logs.filter(
      ({ traceId, spanId }) => traceId !== undefined && spanId !== undefined && keys.has(keyOf({ traceId, spanId })),
    );
  }

  /** Returns the log records of an event, oldest first. */
  logsNamed(event: string): ReadonlyArray<LogRecord> {
    return this.#logs.filter((record) => record.event === event);
  }

  /** Returns all calls, failed ones first, then the longest. */
  calls(traceId?: string): ReadonlyArray<Span> {
    return [...this.#spans.values()]
      .filter((span) => isCall(span) && (traceId === undefined || span.traceId === traceId))
      .toSorted(byInterest);
  }

  /**
   * Returns the selected call.
   *
   * @throws {CliError} if it is not in the data, with what is
   */
  choose({ traceId, call }: CallChoice): Span {
    const candidates = this.calls(traceId);
    const wanted =
      call === undefined
        ? candidates[0]
        : candidates.find((span) => span.spanId === call || textOf(span, "invocationId")?.startsWith(call) === true);
    if (wanted !== undefined) return wanted;
    throw new CliError(this.#absence({ traceId, call }, candidates.length));
  }

  #absence({ traceId, call }: CallChoice, calls: number): string {
    const all = [...this.#spans.values()];
    const inTrace = all.filter((span) => traceId === undefined || span.traceId === traceId);
    if (all.length === 0) return "The data contains no spans.";
    if (inTrace.length === 0)
      return `The data contains no span of the trace ${traceId}. Omit --trace to see which traces it contains.`;
    if (call !== undefined && calls > 0)
      return `None of the ${calls} calls in the data has the id "${call}". Use --list to see them.`;
    if (inTrace.some(isServer)) {
      return "The data contains spans of runners but none of the parent that made the call. Export the parent's spans too: see docs/tracing.md.";
    }
    return `None of the ${inTrace.length} spans in the data is a Firelight call. Check that the process that makes the calls exports its spans.`;
  }
}
