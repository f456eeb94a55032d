/**
 * An incoming request before anything in it is trusted: its headers, its body within a limit, and its disconnect.
 * Node's own request is read directly where there is one, because the web stream around it costs more than the rest of
 * a small request.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { connectionLimits } from "./connection-limits.ts";
import type { CutReason, UnverifiedRequests } from "./unverified.ts";

/** A body, or why there is none. `incomplete`: the connection ended first. */
export type BodyRead = Uint8Array | "too_large" | "incomplete" | CutReason;

export interface Incoming {
  /** `performance.now()` at which the server received it. */
  readonly arrivedAt: number;
  /** The value of a header by its lower-case name. */
  readonly header: (name: string) => string | null;
  /** Reads the body, once. Stops at the first byte past the limit. */
  readBody(maxBytes: number): Promise<BodyRead>;
  /** Lifts the limits for unverified connections: the signature of the request holds. */
  verified(): void;
  /**
   * Calls back if the client disconnects before it has the response. Until the returned function is called, no idle
   * timeout closes the connection.
   */
  onDisconnect(listener: () => void): () => void;
}

const join = (chunks: ReadonlyArray<Uint8Array>, size: number): Uint8Array => {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
};

/** The declared length of a body; `Infinity` if it is not declared. */
const declaredLength = (contentLength: string | null): number =>
  contentLength === null ? Infinity : Number(contentLength);

/** A request of Node's server. */
class NodeIncoming implements Incoming {
  readonly arrivedAt: number;
  readonly header: (name: string) => string | null;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #unverified: UnverifiedRequests;

  constructor(request: IncomingMessage, response: ServerResponse, unverified: UnverifiedRequests) {
    this.arrivedAt = performance.now();
    this.#request = request;
    this.#response = response;
    this.#unverified = unverified;
    const { headers } = request;
    this.header = (name) => {
      const value = headers[name];
      return typeof value === "string" ? value : null;
    };
  }

  readBody(maxBytes: number): Promise<BodyRead> {
    const request = this.#request;
    const unverified = this.#unverified;
    return new Promise((resolve) => {
      const chunks: Array<Uint8Array> = [];
      let size = 0;
      /** Without a reason, the body is complete. */
      const done = (reason?: Exclude<BodyRead, Uint8Array>): void => {
        request.off("data", onData).off("end", done).off("close", onCut).off("error", onCut);
        unverified.close(unread);
        resolve(reason ?? (chunks.length === 1 ? chunks[0]! : join(chunks, size)));
      };
      const stop = (reason: "too_large" | CutReason): void => {
        request.pause();
        done(reason);
      };
      const onData = (chunk: Uint8Array): void => {
        size += chunk.byteLength;
        if (size > maxBytes) return stop("too_large");
        chunks.push(chunk);
        unread.bytes = size;
      };
      const onCut = (): void => done("incomplete");
      if (request.destroyed) return resolve("incomplete");
      request.once("end", done).once("close", onCut).once("error", onCut);
      const declared = request.headers["content-length"];
      const unread = unverified.open(
        { read: () => void request.on("data", onData), cut: stop },
        declared === undefined ? Infinity : Number(declared),
      );
    });
  }

  verified(): void {
    this.#unverified.verified(this.#request.socket);
  }

  onDisconnect(listener: () => void): () => void {
    const response = this.#response;
    const onClose = (): void => {
      if (!response.writableFinished) listener();
    };
    if (response.destroyed) onClose();
    else response.once("close", onClose);
    return () => response.off("close", onClose);
  }
}

/** Reads a large body, or one without a declared length, in chunks. The runtime applies backpressure to the sender. */
const readWebChunks = (
  reader: ReadableStreamDefaultReader<Uint8Array>,
  declared: number,
  maxBytes: number,
  unverified: UnverifiedRequests,
): Promise<BodyRead> =>
  new Promise((resolve) => {
    const chunks: Array<Uint8Array> = [];
    let size = 0;
    let over = false;
    const done = (body: BodyRead): void => {
      over = true;
      unverified.close(unread);
      resolve(body);
    };
    const stop = (reason: "too_large" | CutReason): void => {
      done(reason);
      reader.cancel().catch(() => {});
    };
    const readOn = async (): Promise<void> => {
      for (let next = await reader.read(); !over; next = await reader.read()) {
        if (next.done) return done(join(chunks, size));
        size += next.value.byteLength;
        if (size > maxBytes) return stop("too_large");
        chunks.push(next.value);
        unread.bytes = size;
      }
    };
    const unread = unverified.open({ read: () => void readOn().catch(() => done("incomplete")), cut: stop }, declared);
  });

/** Reads a body. A small one with a declared length is read at once, because HTTP enforces that length. */
const readWebBody = (request: Request, maxBytes: number, unverified: UnverifiedRequests): Promise<BodyRead> => {
  const declared = declaredLength(request.headers.get("content-length"));
  if (!(declared <= unverified.limits.smallBodyBytes)) {
    return request.body === null
      ? Promise.resolve(new Uint8Array(0))
      : readWebChunks(request.body.getReader(), declared, maxBytes, unverified);
  }
  return new Promise((resolve) => {
    const done = (body: BodyRead): void => {
      unverified.close(unread);
      resolve(body);
    };
    const read = (): void =>
      void request.arrayBuffer().then(
        (bytes) => done(new Uint8Array(bytes)),
        () => done("incomplete"),
      );
    const unread = unverified.open({ read, cut: done }, declared);
  });
};

const fromWeb = (request: IncomingRequest, unverified: UnverifiedRequests): Incoming => {
  const server = request.runtime?.bun?.server;
  return {
    arrivedAt: performance.now(),
    header: (name) => request.headers.get(name),
    readBody: (maxBytes) => readWebBody(request, maxBytes, unverified),
    verified: () => server?.timeout(request, connectionLimits.keepAliveTimeoutMs / 1000),
    onDisconnect: (listener) => {
      server?.timeout(request, 0);
      if (request.signal.aborted) listener();
      else request.signal.addEventListener("abort", listener, { once: true });
      return () => {
        request.signal.removeEventListener("abort", listener);
        server?.timeout(request, connectionLimits.keepAliveTimeoutMs / 1000);
      };
    },
  };
};

/** A web request with the native objects of the runtime's server. */
export interface IncomingRequest extends Request {
  runtime?: {
    readonly node?: { readonly req: IncomingMessage; readonly res?: ServerResponse };
    readonly bun?: { readonly server: { timeout(request: Request, seconds: number): void } };
  };
}

/** The incoming request, on either runtime. */
export const fromRequest = (request: IncomingRequest, unverified: UnverifiedRequests): Incoming => {
  const node = request.runtime?.node;
  return node?.res === undefined ? fromWeb(request, unverified) : new NodeIncoming(node.req, node.res, unverified);
};
