/** Sends requests to runners over HTTP. Which client does it depends on the runtime. */

/** A request; for an invocation, encoded and signed. */
export interface HttpRequest {
  /** Base URL of the runner. Its path, if it has one, is the prefix of `path`. */
  readonly url: string;
  readonly path: string;
  /** Default: `POST`. A `GET` has an empty body. */
  readonly method?: "GET" | "POST";
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
  /** A larger response is a failure. */
  readonly maxResponseBytes: number;
  /** Told of a response that is larger, so that it can check what cannot be kept. */
  readonly oversized?: OversizedListener;
}

/** A response of which the body is still to come. */
export interface ResponseStart {
  readonly status: number;
  header(name: string): string | undefined;
}

export interface HttpResponse extends ResponseStart {
  readonly body: Uint8Array;
}

/** Takes the bytes of a body as they come in, and keeps none. */
export interface BodyCheck {
  update(chunk: Uint8Array): void;
}

/** Wants to check responses that are too large to be kept. */
export interface OversizedListener {
  /** Starts a check. Without one the response is not read. */
  startCheck(response: ResponseStart, bodyLength: number): BodyCheck | undefined;
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
