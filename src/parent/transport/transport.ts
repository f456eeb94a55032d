/** The interface of HTTP clients that send requests to runners. The implementation depends on the runtime. */
import type { ResponseHead } from "../../contract/wire/envelope.ts";

/** A request. The one of an invocation is encoded and signed. */
export interface HttpRequest {
  /** Base URL of the runner. Its path, if any, is a prefix of `path`. */
  readonly url: string;
  readonly path: string;
  /** Default: `POST`. A `GET` has an empty body. */
  readonly method?: "GET" | "POST";
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
  /** Maximum size of the response body in bytes. A larger response is a failure. */
  readonly maxResponseBytes: number;
  /** Notified of a larger response, to check its signature. */
  readonly oversized?: OversizedListener;
}

/** A response whose body has not arrived yet. */
export interface ResponseStart {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
  /** The head of a response that is already verified: it arrived on a link. */
  readonly verified?: ResponseHead | undefined;
}

export interface HttpResponse extends ResponseStart {
  readonly body: Uint8Array;
}

/** Receives the bytes of a body as they arrive, without keeping them. */
export interface BodyCheck {
  update(chunk: Uint8Array): void;
}

/** Checks responses that are too large to keep. */
export interface OversizedListener {
  /** Starts a check. The response is not read if there is none. */
  startCheck(response: ResponseStart, bodyLength: number): BodyCheck | undefined;
}

/** A request without a response. */
export interface HttpFailure {
  /** Whether a byte of the request may have reached the runner. */
  readonly sent: boolean;
  readonly cause: unknown;
}

export type HttpOutcome = { readonly response: HttpResponse } | { readonly failure: HttpFailure };

/** A request in progress. */
export interface HttpExchange {
  /** Whether a byte of the request may have reached the runner. */
  readonly sent: boolean;
  /** Aborts it, hidden from APM agents. `done` is not called. */
  abort(): void;
}

export interface HttpTransport {
  /** Calls `done` once unless aborted, and never synchronously. */
  send(request: HttpRequest, done: (outcome: HttpOutcome) => void): HttpExchange;
  /** Closes the connections to a runner that has exited. */
  forget(url: string): void;
  close(): Promise<void>;
}
