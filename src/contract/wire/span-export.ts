/**
 * What this process knows of the spans that it recorded and has to send. Whoever owns
 * the exporter says so here; a runner hands it on in its signed answers, because nobody
 * can ask it any more when it was killed.
 */
import { processWide } from "../process/copies.ts";

/** Firelight's own spans of a process that has an exporter of Firelight's. */
export interface SpanExport {
  /** Ended, and not sent yet. */
  readonly unsent: number;
  /** Ended, and never to be sent: the export failed, or the queue was full. Grows from the start of the process. */
  readonly failed: number;
}

/** Who knows, whichever copy of this package it was told. */
const told = processWide("span-export", (): { source?: (() => SpanExport | undefined) | undefined } => ({}));

/** Registers who knows, if it does. Call the returned function to take it back. */
export const tellSpanExport = (read: () => SpanExport | undefined): (() => void) => {
  told.source = read;
  return () => {
    if (told.source === read) told.source = undefined;
  };
};

/** `undefined` where the host owns the exporter, or there is none. */
export const spanExport = (): SpanExport | undefined => told.source?.();
