/**
 * The export state of the spans that this process recorded. The owner of the exporter registers a source here. A runner
 * sends the state in its signed responses, because it cannot be queried after it was killed.
 */
import { processWide } from "../process/copies.ts";

/** Firelight's own spans in a process with Firelight's exporter. */
export interface SpanExport {
  /** Spans that ended and are not sent yet. */
  readonly unsent: number;
  /** Spans that are lost: the export failed, or the queue was full. Counted since the start of the process. */
  readonly failed: number;
}

/** The registered source, shared by all copies of this package. */
const registered = processWide("span-export", (): { source?: (() => SpanExport | undefined) | undefined } => ({}));

/** Registers the source. The returned function removes it. */
export const tellSpanExport = (read: () => SpanExport | undefined): (() => void) => {
  registered.source = read;
  return () => {
    if (registered.source === read) registered.source = undefined;
  };
};

/** `undefined` if the host owns the exporter, or if there is none. */
export const spanExport = (): SpanExport | undefined => registered.source?.();
