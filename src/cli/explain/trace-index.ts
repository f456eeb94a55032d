/** Finds spans by their id, their parent and their links; and the calls among them. */
import { CliError } from "../errors.ts";
import { hasFailed, isCall, isServer, lengthMs, textOf } from "./facts.ts";
import type { LogRecord, Span, SpanRef, TelemetryData } from "./telemetry-data.ts";

const keyOf = ({ traceId, spanId }: SpanRef): string => `${traceId}/${spanId}`;

/** Failed calls first, then the longest. */
const byInterest = (left: Span, right: Span): number =>
  Number(hasFailed(right)) - Number(hasFailed(left)) || lengthMs(right) - lengthMs(left);

/** Which call a person asks about. */
export interface CallChoice {
  /** Default: any trace. */
  readonly traceId?: string | undefined;
  /** An invocation id or the beginning of one, or the id of the call's span. Default: a failed call, else the slowest. */
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

  /** In the order in which they started. */
  childrenOf(span: Span): ReadonlyArray<Span> {
    return this.#children.get(keyOf(span)) ?? [];
  }

  /** The spans that link to this one. */
  linkingTo(span: Span): ReadonlyArray<Span> {
    return this.#linking.get(keyOf(span)) ?? [];
  }

  /** Records of these spans, oldest first. */
  logsOf(spans: ReadonlyArray<Span>): ReadonlyArray<LogRecord> {
    const keys = new Set(spans.map(keyOf));
    return this.#logs.filter(
      ({ traceId, spanId }) => traceId !== undefined && spanId !== undefined && keys.has(keyOf({ traceId, spanId })),
    );
  }

  /** Records of an event, oldest first. */
  logsNamed(event: string): ReadonlyArray<LogRecord> {
    return this.#logs.filter((record) => record.event === event);
  }

  /** Every call, failed ones first, then the longest. */
  calls(traceId?: string): ReadonlyArray<Span> {
    return [...this.#spans.values()]
      .filter((span) => isCall(span) && (traceId === undefined || span.traceId === traceId))
      .toSorted(byInterest);
  }

  /**
   * The call that is asked about.
   *
   * @throws {CliError} when it is not there, saying what is.
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
    if (all.length === 0) return "There are no spans in this.";
    if (inTrace.length === 0)
      return `There is no span of the trace ${traceId} in this. Leave --trace out to see what there is.`;
    if (call !== undefined && calls > 0)
      return `None of the ${calls} calls in this has the id "${call}". Use --list to see them.`;
    if (inTrace.some(isServer)) {
      return "There are spans of runners in this, and none of the parent that made the call. Export the parent's spans too: see docs/observability.md.";
    }
    return `None of the ${inTrace.length} spans in this is a call of Firelight. Does the process that makes the calls export its spans?`;
  }
}
