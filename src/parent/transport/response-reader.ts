/**
 * Reads HTTP/1.1 responses from the bytes of a connection, one after the other. Strict: ambiguous input is rejected,
 * and every part except the body has a size limit.
 */
import type { ResponseStart } from "./transport.ts";

/** The bytes are not an HTTP/1.1 response. */
export class MalformedResponse extends Error {
  constructor(problem: string) {
    super(`the response is not HTTP/1.1: ${problem}`);
    this.name = "MalformedResponse";
  }
}

/** Receives what is read. */
export interface ResponseListener {
  /** The head of a response. Responses with a status below 200 are skipped. */
  onHead(head: ResponseHead): void;
  onData(chunk: Uint8Array): void;
  /** The end of a response. */
  onEnd(): void;
}

const maxHeadBytes = 64 * 1024;
const maxLineBytes = 1024;
const maxTrailerBytes = 16 * 1024;
const endOfHead = Buffer.from("\r\n\r\n");
const nothing = Buffer.alloc(0);

/** The status and headers of a response. */
export class ResponseHead implements ResponseStart {
  readonly status: number;
  /** Whether the connection can be reused after it. */
  readonly persistent: boolean;
  readonly #headers: ReadonlyMap<string, string>;

  constructor(text: string) {
    const lines = text.split("\r\n");
    const [, minor, status] = /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(lines[0]!) ?? [];
    if (status === undefined) throw new MalformedResponse("it does not start with a status line");
    const headers = new Map<string, string>();
    for (let index = 1; index < lines.length; index++) {
      const line = lines[index]!;
      const colon = line.indexOf(":");
      if (colon < 1 || !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(line.slice(0, colon))) {
        throw new MalformedResponse("a header has no name");
      }
      const name = line.slice(0, colon).toLowerCase();
      const value = line.slice(colon + 1).trim();
      const before = headers.get(name);
      headers.set(name, before === undefined ? value : `${before}, ${value}`);
    }
    this.status = Number(status);
    this.#headers = headers;
    const connection = headers.get("connection")?.toLowerCase() ?? "";
    this.persistent = minor === "1" && !connection.split(/[\s,]+/).includes("close");
  }

  readonly header = (name: string): string | undefined => this.#headers.get(name);

  /** The length of the body, "chunked", or "to the end" of the connection. */
  get framing(): number | "chunked" | "to the end" {
    const encoding = this.#headers.get("transfer-encoding");
    const length = this.#headers.get("content-length");
    if (encoding !== undefined && length !== undefined) {
      throw new MalformedResponse("it has a content-length and a transfer-encoding");
    }
    if (this.status === 204 || this.status === 304) return 0;
    if (encoding !== undefined) {
      if (encoding.toLowerCase() === "chunked") return "chunked";
      throw new MalformedResponse("its transfer-encoding is unknown");
    }
    if (length === undefined) return "to the end";
    if (!/^\d{1,15}$/.test(length)) throw new MalformedResponse("its content-length is not a number");
    return Number(length);
  }
}

type State = "head" | "length" | "to the end" | "chunk size" | "chunk" | "after chunk" | "trailers";

export class ResponseReader {
  readonly #listener: ResponseListener;
  #state: State = "head";
  /** Bytes of an incomplete head or line. */
  #held: Buffer = nothing;
  /** Remaining bytes of the body or the chunk. */
  #left = 0;
  #trailerBytes = 0;

  constructor(listener: ResponseListener) {
    this.#listener = listener;
  }

  /**
   * Reads more bytes. The listener can stop it by closing the connection; the reader is not used after that.
   *
   * @throws {MalformedResponse}
   */
  push(bytes: Buffer): void {
    let rest = bytes;
    do rest = this.#step(rest);
    while (rest.length > 0);
  }

  /** Whether all bytes were read, and a new response can start. */
  get atRest(): boolean {
    return this.#state === "head" && this.#held.length === 0;
  }

  /** The connection was closed. Returns whether that completes a response. */
  end(): boolean {
    if (this.#state !== "to the end") return false;
    this.#finish();
    return true;
  }

  /** Reads one part, and returns the bytes after it. */
  #step(bytes: Buffer): Buffer {
    switch (this.#state) {
      case "head":
        return this.#readHead(bytes);
      case "to the end":
        this.#listener.onData(bytes);
        return nothing;
      case "length":
      case "chunk": {
        const part = bytes.length <= this.#left ? bytes : bytes.subarray(0, this.#left);
        this.#left -= part.length;
        if (part.length > 0) this.#listener.onData(part);
        if (this.#left === 0) {
          if (this.#state === "chunk") this.#state = "after chunk";
          else this.#finish();
        }
        return bytes.subarray(part.length);
      }
      default:
        return this.#readLine(bytes);
    }
  }

  #readHead(bytes: Buffer): Buffer {
    const all = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const end = all.indexOf(endOfHead);
    if (end > maxHeadBytes || (end < 0 && all.length > maxHeadBytes))
      throw new MalformedResponse("its head is too large");
    if (end < 0) {
      this.#held = all;
      return nothing;
    }
    this.#held = nothing;
    const rest = all.subarray(end + endOfHead.length);
    const head = new ResponseHead(all.toString("latin1", 0, end));
    if (head.status === 101) throw new MalformedResponse("it switches to another protocol");
    if (head.status < 200) return rest;
    const { framing } = head;
    this.#left = typeof framing === "number" ? framing : 0;
    this.#state = typeof framing === "number" ? "length" : framing === "chunked" ? "chunk size" : "to the end";
    this.#listener.onHead(head);
    if (framing === 0) this.#finish();
    return rest;
  }

  #readLine(bytes: Buffer): Buffer {
    const all = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const end = all.indexOf("\r\n");
    if (end > maxLineBytes || (end < 0 && all.length > maxLineBytes))
      throw new MalformedResponse("a line of the body is too long");
    if (end < 0) {
      this.#held = all;
      return nothing;
    }
    this.#held = nothing;
    this.#line(all.toString("latin1", 0, end));
    return all.subarray(end + 2);
  }

  #line(line: string): void {
    if (this.#state === "after chunk") {
      if (line !== "") throw new MalformedResponse("a chunk has the wrong length");
      this.#state = "chunk size";
    } else if (this.#state === "chunk size") {
      const [, size] = /^([0-9a-fA-F]{1,12})[ \t]*(?:;|$)/.exec(line) ?? [];
      if (size === undefined) throw new MalformedResponse("a chunk has no size");
      this.#left = Number.parseInt(size, 16);
      this.#state = this.#left === 0 ? "trailers" : "chunk";
      this.#trailerBytes = 0;
    } else if (line === "") {
      this.#finish();
    } else {
      this.#trailerBytes += line.length + 2;
      if (this.#trailerBytes > maxTrailerBytes) throw new MalformedResponse("its trailers are too large");
    }
  }

  #finish(): void {
    this.#state = "head";
    this.#listener.onEnd();
  }
}
