/** Sends one request to one runner. Which HTTP client does it depends on the runtime. */

/** An encoded, signed request. */
export interface HttpRequest {
  /** Base URL of the runner. */
  readonly url: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
  /** A larger response is a failure. */
  readonly maxResponseBytes: number;
}

export interface HttpResponse {
  readonly status: number;
  header(name: string): string | undefined;
  readonly body: Uint8Array;
}

/** A request that got no response. */
export interface HttpFailure {
  /** Whether a byte of the request may have reached the runner. */
  readonly sent: boolean;
  readonly cause: unknown;
}

export type HttpOutcome = { readonly response: HttpResponse } | { readonly failure: HttpFailure };

/** A request under way. */
export interface HttpExchange {
  /** Whether a byte of the request may have reached the runner. */
  readonly sent: boolean;
  /** Ends it; `done` is not called any more. */
  abort(): void;
}

export interface HttpTransport {
  /** Calls `done` once, unless aborted; never within the call itself. */
  send(request: HttpRequest, done: (outcome: HttpOutcome) => void): HttpExchange;
  /** Frees the connections to a runner that is gone. */
  forget(url: string): void;
  close(): Promise<void>;
}

/** The failure of a response that is larger than allowed. */
export class ResponseTooLarge extends Error {
  constructor(limit: number) {
    super(`The response is larger than ${limit} bytes (maxBodyBytes).`);
    this.name = "ResponseTooLarge";
  }
}

/** Joins the chunks of a body, without a copy where there is one chunk. */
export const joinChunks = (chunks: ReadonlyArray<Uint8Array>, bytes: number): Uint8Array =>
  chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes);
