/**
 * A request at the door, before anything about it is believed: its headers, its
 * body under a limit, and the news that whoever sent it is gone. Node's own
 * request is read directly where there is one: the web stream around it costs
 * more than the rest of a small request.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { connectionLimits } from "./connection-limits.ts";
import type { CutReason, UnverifiedRequests } from "./unverified.ts";

/** A body, or why there is none: it grew past the limit, the connection ended before it did, or a limit of {@link UnverifiedRequests} was reached. */
export type BodyRead = Uint8Array | "too_large" | "incomplete" | CutReason;

export interface Arrival {
  /** `performance.now()` at which it was handed over. */
  readonly arrivedAt: number;
  /** A header's value by its lower-case name. */
  header(name: string): string | null;
  /** Reads the body once. Stops reading at the first byte past the limit. */
  readBody(maxBytes: number): Promise<BodyRead>;
  /** The signature of the request holds: limits for connections of strangers no longer apply to its connection. */
  verified(): void;
  /**
   * While an invocation runs: keeps the connection open however long nothing moves on it, and calls back when the
   * other side is gone before it has its response. Returns how to end this.
   */
  attend(onDisconnect: () => void): () => void;
}

const join = (chunks: ReadonlyArray<Uint8Array>, size: number): Uint8Array => {
  const only = chunks[0];
  if (only !== undefined && chunks.length === 1) return only;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
};

/** The declared length of a body, `Infinity` where there is none. */
const declaredLength = (contentLength: string | null | undefined): number =>
  contentLength === null || contentLength === undefined ? Infinity : Number(contentLength);

const readNodeBody = (request: IncomingMessage, maxBytes: number, unverified: UnverifiedRequests): Promise<BodyRead> =>
  new Promise((resolve) => {
    const chunks: Array<Uint8Array> = [];
    let size = 0;
    const done = (body: BodyRead): void => {
      request.off("data", onData).off("end", onEnd).off("close", onCut).off("error", onCut);
      unread.close();
      resolve(body);
    };
    const stop = (reason: "too_large" | CutReason): void => {
      request.pause();
      done(reason);
    };
    const onData = (chunk: Uint8Array): void => {
      size += chunk.byteLength;
      if (size > maxBytes) return stop("too_large");
      chunks.push(chunk);
      unread.received(chunk.byteLength);
    };
    const onEnd = (): void => done(join(chunks, size));
    const onCut = (): void => done("incomplete");
    if (request.destroyed) return resolve("incomplete");
    request.once("end", onEnd).once("close", onCut).once("error", onCut);
    const unread = unverified.open(
      { read: () => void request.on("data", onData), cut: stop },
      declaredLength(request.headers["content-length"]),
    );
  });

const fromNode = (request: IncomingMessage, response: ServerResponse, unverified: UnverifiedRequests): Arrival => ({
  arrivedAt: performance.now(),
  header: (name) => {
    const value = request.headers[name];
    return typeof value === "string" ? value : null;
  },
  readBody: (maxBytes) => readNodeBody(request, maxBytes, unverified),
  verified: () => unverified.verified(request.socket),
  attend: (onDisconnect) => {
    const onClose = (): void => {
      if (!response.writableFinished) onDisconnect();
    };
    if (response.destroyed) onClose();
    else response.once("close", onClose);
    return () => response.off("close", onClose);
  },
});

/** A body without a declared length, or a longer one: it is counted while it comes, and the runtime holds back the sender while nobody reads. */
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
      unread.close();
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
        unread.received(next.value.byteLength);
      }
    };
    const unread = unverified.open({ read: () => void readOn().catch(() => done("incomplete")), cut: stop }, declared);
  });

/** A small body of declared length is read in one go: HTTP holds it to its word. */
const readWebBody = (request: Request, maxBytes: number, unverified: UnverifiedRequests): Promise<BodyRead> => {
  const declared = declaredLength(request.headers.get("content-length"));
  if (!(declared <= unverified.limits.smallBodyBytes)) {
    return request.body === null
      ? Promise.resolve(new Uint8Array(0))
      : readWebChunks(request.body.getReader(), declared, maxBytes, unverified);
  }
  return new Promise((resolve) => {
    const done = (body: BodyRead): void => {
      unread.close();
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

const fromWeb = (request: IncomingRequest, unverified: UnverifiedRequests): Arrival => {
  const server = request.runtime?.bun?.server;
  return {
    arrivedAt: performance.now(),
    header: (name) => request.headers.get(name),
    readBody: (maxBytes) => readWebBody(request, maxBytes, unverified),
    verified: () => server?.timeout(request, connectionLimits.keepAliveTimeoutMs / 1000),
    attend: (onDisconnect) => {
      server?.timeout(request, 0);
      if (request.signal.aborted) onDisconnect();
      else request.signal.addEventListener("abort", onDisconnect, { once: true });
      return () => {
        request.signal.removeEventListener("abort", onDisconnect);
        server?.timeout(request, connectionLimits.keepAliveTimeoutMs / 1000);
      };
    },
  };
};

/** A request with what the runtime's server says about where it came from. */
export interface IncomingRequest extends Request {
  runtime?: {
    readonly node?: { readonly req: IncomingMessage; readonly res?: ServerResponse };
    readonly bun?: { readonly server: { timeout(request: Request, seconds: number): void } };
  };
}

/** Takes a request in, on whichever runtime it came. */
export const arrive = (request: IncomingRequest, unverified: UnverifiedRequests): Arrival => {
  const node = request.runtime?.node;
  return node?.res === undefined ? fromWeb(request, unverified) : fromNode(node.req, node.res, unverified);
};
