/**
 * What requests may hold before their signature is verified. Anyone who reaches the port can send them, so their
 * bodies are bounded in sum and must keep coming, and their connections are bounded in number. A body reserves its
 * length before it is read; where there is no room it waits, and whoever holds the room without using it loses it.
 */
import { connectionLimits } from "./connection-limits.ts";

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** How fast a body must come in. */
export interface Pace {
  readonly bytes: number;
  readonly withinMs: number;
}

export interface UnverifiedLimits {
  /** Bytes that unverified bodies may reserve, over all connections. One body is read in any case. */
  readonly maxBytes: number;
  /** What a body without a declared length reserves. */
  readonly maxBodyBytes: number;
  /** A body of at most this length is read without a reservation. */
  readonly smallBodyBytes: number;
  /** Connections that have not sent a verified request yet, and bodies that are read at a time. */
  readonly maxConnections: number;
  /** A body that is read must bring at least this much within each {@link Pace.withinMs}. */
  readonly pace: Pace;
  /** The same, while others wait for room. */
  readonly paceUnderPressure: Pace;
  /** A body that has no room after this time is cut. */
  readonly maxWaitMs: number;
  /** A body must be complete after this time. */
  readonly bodyTimeoutMs: number;
}

/** The limits of a runner that takes bodies of up to `maxBodyBytes`. */
export const unverifiedLimits = (maxBodyBytes: number): UnverifiedLimits => ({
  maxBytes: Math.max(64 * mebibyte, 2 * maxBodyBytes),
  maxBodyBytes,
  smallBodyBytes: 64 * kibibyte,
  maxConnections: 1_024,
  pace: { bytes: 64 * kibibyte, withinMs: 4_000 },
  paceUnderPressure: { bytes: 64 * kibibyte, withinMs: 500 },
  maxWaitMs: 5_000,
  bodyTimeoutMs: connectionLimits.requestTimeoutMs,
});

/** Why a body is not read to its end: it came in too slowly, or others need the room that it holds. */
export type CutReason = "too_slow" | "overloaded";

/** How a body is read. */
export interface BodySource {
  /** Starts reading: at once, or as soon as there is room. */
  read(): void;
  /** Stops reading, or waiting. The body is closed already. */
  cut(reason: CutReason): void;
}

/** A body that is being read. */
export interface UnverifiedBody {
  /** More of it has come in. */
  received(bytes: number): void;
  /** It is complete, or nobody reads it any more. */
  close(): void;
}

/** The part of a socket that is used here. */
interface Connection {
  destroy(): unknown;
  once(event: "close", listener: () => void): unknown;
}

/** What a body has brought within the present span of a pace. */
class Progress {
  #since: number;
  #bytes = 0;

  constructor(now: number) {
    this.#since = now;
  }

  /** Whether a whole span has passed in which the body brought less than the pace asks for. */
  isBehind(pace: Pace, bytes: number, now: number): boolean {
    if (now - this.#since < pace.withinMs) return false;
    const behind = bytes - this.#bytes < pace.bytes;
    this.#since = now;
    this.#bytes = bytes;
    return behind;
  }
}

/** Milliseconds between two looks at the bodies that are being read. */
const lookEveryMs = 250;

class Body implements UnverifiedBody {
  readonly #closed: (body: Body) => void;
  readonly source: BodySource;
  readonly reserved: number;
  readonly openedAt = performance.now();
  bytes = 0;
  /** `undefined` while it waits to be read. */
  progress: { readonly always: Progress; readonly underPressure: Progress } | undefined;

  constructor(source: BodySource, reserved: number, closed: (body: Body) => void) {
    this.source = source;
    this.reserved = reserved;
    this.#closed = closed;
  }

  read(now: number): void {
    this.progress = { always: new Progress(now), underPressure: new Progress(now) };
    this.source.read();
  }

  received(bytes: number): void {
    this.bytes += bytes;
  }

  close(): void {
    this.#closed(this);
  }
}

/** The unverified requests and connections of one runner. */
export class UnverifiedRequests {
  readonly limits: UnverifiedLimits;
  /** Oldest first. */
  readonly #bodies = new Set<Body>();
  readonly #waiting = new Set<Body>();
  readonly #connections = new Set<Connection>();
  #reservedBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #closed = (body: Body): void => this.#close(body);

  constructor(limits: UnverifiedLimits) {
    this.limits = limits;
  }

  /** Bytes that bodies may hold now. */
  get reservedBytes(): number {
    return this.#reservedBytes;
  }

  /**
   * Takes a body in, and has it read as soon as there is room for it.
   *
   * @param declaredBytes its length, `Infinity` where it is not declared
   */
  open(source: BodySource, declaredBytes: number): UnverifiedBody {
    const { smallBodyBytes, maxBodyBytes, maxConnections } = this.limits;
    const reserved = declaredBytes <= smallBodyBytes ? 0 : Math.min(declaredBytes, maxBodyBytes);
    const body = new Body(source, reserved, this.#closed);
    this.#bodies.add(body);
    if (this.#bodies.size > maxConnections) this.#cutOldest();
    this.#timer ??= setInterval(() => this.#look(performance.now()), lookEveryMs).unref();
    if (this.#hasRoom(reserved)) this.#read(body, body.openedAt);
    else this.#waiting.add(body);
    return body;
  }

  /** A connection has come in. Where there are too many, the oldest one that has not proved itself ends. */
  connected(connection: Connection): void {
    this.#connections.add(connection);
    connection.once("close", () => this.#connections.delete(connection));
    if (this.#connections.size <= this.limits.maxConnections) return;
    const [oldest] = this.#connections;
    if (oldest === undefined) return;
    this.#connections.delete(oldest);
    oldest.destroy();
  }

  /** A verified request has come over a connection. */
  verified(connection: Connection): void {
    this.#connections.delete(connection);
  }

  #hasRoom(bytes: number): boolean {
    return bytes === 0 || this.#reservedBytes === 0 || this.#reservedBytes + bytes <= this.limits.maxBytes;
  }

  #read(body: Body, now: number): void {
    this.#reservedBytes += body.reserved;
    body.read(now);
  }

  #close(body: Body): void {
    if (!this.#bodies.delete(body)) return;
    if (this.#waiting.delete(body)) return;
    this.#reservedBytes -= body.reserved;
    if (this.#waiting.size > 0) this.#readWaiting(performance.now());
  }

  /** Newest first: what has waited for long is more likely a stranger's, or given up by its caller. */
  #readWaiting(now: number): void {
    for (const body of [...this.#waiting].toReversed()) {
      if (!this.#hasRoom(body.reserved)) return;
      this.#waiting.delete(body);
      this.#read(body, now);
    }
  }

  #look(now: number): void {
    if (this.#bodies.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    for (const body of [...this.#bodies]) {
      const reason = this.#reasonToCut(body, now);
      if (reason !== undefined) this.#cut(body, reason);
    }
  }

  #reasonToCut(body: Body, now: number): CutReason | undefined {
    const { pace, paceUnderPressure, maxWaitMs, bodyTimeoutMs } = this.limits;
    const { progress, bytes } = body;
    if (now - body.openedAt >= bodyTimeoutMs) return "too_slow";
    if (progress === undefined) return now - body.openedAt >= maxWaitMs ? "overloaded" : undefined;
    const holdsUpOthers =
      progress.underPressure.isBehind(paceUnderPressure, bytes, now) && this.#waiting.size > 0 && body.reserved > 0;
    if (holdsUpOthers) return "overloaded";
    return progress.always.isBehind(pace, bytes, now) ? "too_slow" : undefined;
  }

  #cutOldest(): void {
    const [oldest] = this.#bodies;
    if (oldest !== undefined) this.#cut(oldest, "overloaded");
  }

  #cut(body: Body, reason: CutReason): void {
    if (!this.#bodies.has(body)) return;
    this.#close(body);
    body.source.cut(reason);
  }
}
