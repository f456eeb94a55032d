/**
 * A request at the door, before anything about it is believed: its headers, its
 * body under a limit, and the news that whoever sent it is gone. Node's own
 * request is read directly where there is one: the web stream around it costs
 * more than the rest of a small request.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { connectionLimits } from "./limits.ts";

/** A body, or why there is none: it grew past the limit, or the connection ended before it did. */
export type BodyRead = Uint8Array | "too_large" | "cut_off";

export interface Arrival {
  /** `performance.now()` at which it was handed over. */
  readonly arrivedAt: number;
  /** A header's value by its lower-case name. */
  header(name: string): string | null;
  /** Reads the body once. Stops reading at the first byte past the limit. */
  readBody(maxBytes: number): Promise<BodyRead>;
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

const readNodeBody = (request: IncomingMessage, maxBytes: number): Promise<BodyRead> =>
  new Promise((resolve) => {
    const chunks: Array<Uint8Array> = [];
    let size = 0;
    const done = (body: BodyRead): void => {
      request.off("data", onData).off("end", onEnd).off("close", onCut).off("error", onCut);
      resolve(body);
    };
    const onData = (chunk: Uint8Array): void => {
      size += chunk.byteLength;
      if (size > maxBytes) {
        request.pause();
        done("too_large");
      } else {
        chunks.push(chunk);
      }
    };
    const onEnd = (): void => done(join(chunks, size));
    const onCut = (): void => done("cut_off");
    if (request.destroyed) return onCut();
    request.on("data", onData).once("end", onEnd).once("close", onCut).once("error", onCut);
  });

const fromNode = (request: IncomingMessage, response: ServerResponse): Arrival => ({
  arrivedAt: performance.now(),
  header: (name) => {
    const value = request.headers[name];
    return typeof value === "string" ? value : null;
  },
  readBody: (maxBytes) => readNodeBody(request, maxBytes),
  attend: (onDisconnect) => {
    const onClose = (): void => {
      if (!response.writableFinished) onDisconnect();
    };
    if (response.destroyed) onClose();
    else response.once("close", onClose);
    return () => response.off("close", onClose);
  },
});

/** A body of declared length is read in one go: HTTP holds it to its word. A chunked one is counted while it comes. */
const readWebBody = async (request: Request, maxBytes: number): Promise<BodyRead> => {
  const chunks: Array<Uint8Array> = [];
  let size = 0;
  try {
    if (request.headers.has("content-length")) {
      const body = new Uint8Array(await request.arrayBuffer());
      return body.byteLength > maxBytes ? "too_large" : body;
    }
    if (request.body === null) return new Uint8Array(0);
    const reader = request.body.getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      size += next.value.byteLength;
      if (size > maxBytes) {
        reader.cancel().catch(() => {});
        return "too_large";
      }
      chunks.push(next.value);
    }
  } catch {
    return "cut_off";
  }
  return join(chunks, size);
};

/** Gives up on a body that trickles in; on Node the server itself does. */
const readWebBodyInTime = (request: Request, maxBytes: number): Promise<BodyRead> =>
  new Promise((resolve) => {
    const timer = setTimeout(() => resolve("cut_off"), connectionLimits.requestTimeoutMs);
    void readWebBody(request, maxBytes).then((body) => {
      clearTimeout(timer);
      resolve(body);
    });
  });

const fromWeb = (request: IncomingRequest): Arrival => ({
  arrivedAt: performance.now(),
  header: (name) => request.headers.get(name),
  readBody: (maxBytes) => readWebBodyInTime(request, maxBytes),
  attend: (onDisconnect) => {
    const server = request.runtime?.bun?.server;
    server?.timeout(request, 0);
    if (request.signal.aborted) onDisconnect();
    else request.signal.addEventListener("abort", onDisconnect, { once: true });
    return () => {
      request.signal.removeEventListener("abort", onDisconnect);
      server?.timeout(request, connectionLimits.keepAliveTimeoutMs / 1000);
    };
  },
});

/** A request with what the runtime's server says about where it came from. */
export interface IncomingRequest extends Request {
  runtime?: {
    readonly node?: { readonly req: IncomingMessage; readonly res?: ServerResponse };
    readonly bun?: { readonly server: { timeout(request: Request, seconds: number): void } };
  };
}

/** Takes a request in, on whichever runtime it came. */
export const arrive = (request: IncomingRequest): Arrival => {
  const node = request.runtime?.node;
  return node?.res === undefined ? fromWeb(request) : fromNode(node.req, node.res);
};
