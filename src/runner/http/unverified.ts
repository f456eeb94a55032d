/**
 * Limits unverified requests. Anyone who reaches the port can send them, so the total size of their bodies, the rate at
 * which bodies arrive, and the number of connections are limited. A body reserves memory for its length before it is
 * read. Without free memory it waits, and a body that makes no progress loses its reservation.
 */
import { connectionLimits } from "./connection-limits.ts";

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** The minimum rate at which a body must arrive. */
export interface Pace {
  readonly bytes: number;
  readonly withinMs: number;
}

export interface UnverifiedLimits {
  /** Maximum memory for all unverified bodies, in bytes. One body is always read. */
  readonly maxBytes: number;
  /** The reservation of a body without a declared length, in bytes. */
  readonly maxBodyBytes: number;
  /** Bodies up to this size are read without a reservation. */
  readonly smallBodyBytes: number;
  /** Maximum number of connections without a verified request, and of bodies that are read concurrently. */
  readonly maxConnections: number;
  /** The rate at which a body must arrive. */
  readonly pace: Pace;
  /** The same, while other bodies wait for memory. */
  readonly paceUnderPressure: Pace;
  /** Maximum time that a body waits for memory, in milliseconds. */
  readonly maxWaitMs: number;
  /** Maximum time until a body is complete, in milliseconds. */
  readonly bodyTimeoutMs: number;
}

/** The limits of a runner that accepts bodies of up to `maxBodyBytes`. */
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

/** Why a body is not read to its end: it arrives too slowly, or other bodies need its memory. */
export type CutReason = "too_slow" | "overloaded";

/** How a body is read. */
export interface BodySource {
  /** Starts reading: at once, or when there is memory. */
  read(): void;
  /** Stops reading or waiting. The body is already closed. */
  cut(reason: CutReason): void;
}

/** A body that is being read. */
export interface UnverifiedBody {
  /** Number of bytes that have arrived. */
  bytes: number;
}

/** The part of a socket that is used here. */
interface Connection {
  destroy(): unknown;
  once(event: "close", listener: () => void): unknown;
}

/** The progress of a body within the current interval of a rate. */
class Progress {
  #since: number;
  #bytes = 0;

  constructor(now: number) {
    this.#since = now;
  }

  /** Whether an interval has passed in which the body arrived too slowly. */
  isBehind(pace: Pace, bytes: number, now: number): boolean {
    if (now - this.#since < pace.withinMs) return false;
    const behind = bytes - this.#bytes < pace.bytes;
    this.#since = now;
    this.#bytes = bytes;
    return behind;
  }
}

/** Interval between two checks of the bodies, in milliseconds. */
const checkIntervalMs = 250;

class Body implements UnverifiedBody {
  readonly source: BodySource;
  readonly reserved: number;
  readonly openedAt: number;
  bytes: number;
  /** `performance.now()` when reading started; `undefined` while it waits. */
  readAt: number | undefined;
  /** Made by the first check, because most bodies are complete before it. */
  #progress: { readonly always: Progress; readonly underPressure: Progress } | undefined;

  constructor(source: BodySource, reserved: number, openedAt: number) {
    this.source = source;
    this.reserved = reserved;
    this.openedAt = openedAt;
    this.bytes = 0;
    this.readAt = undefined;
    this.#progress = undefined;
  }

  progress(readAt: number): { readonly always: Progress; readonly underPressure: Progress } {
    return (this.#progress ??= { always: new Progress(readAt), underPressure: new Progress(readAt) });
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

  constructor(limits: UnverifiedLimits) {
    this.limits = limits;
  }

  /** Reserved memory, in bytes. */
  get reservedBytes(): number {
    return this.#reservedBytes;
  }

  /**
   * Adds a body, and starts reading it when there is memory.
   *
   * @param declaredBytes The length of the body; `Infinity` if it is not declared.
   */
  open(source: BodySource, declaredBytes: number): UnverifiedBody {
    const { smallBodyBytes, maxBodyBytes, maxConnections } = this.limits;
    const reserved = declaredBytes <= smallBodyBytes ? 0 : Math.min(declaredBytes, maxBodyBytes);
    const body = new Body(source, reserved, performance.now());
    this.#bodies.add(body);
    if (this.#bodies.size > maxConnections) this.#cutOldest();
    this.#timer ??= setInterval(() => this.#check(performance.now()), checkIntervalMs).unref();
    if (reserved === 0 || this.#hasRoom(reserved)) {
      this.#reservedBytes += reserved;
      body.readAt = body.openedAt;
      source.read();
    } else {
      this.#waiting.add(body);
    }
    return body;
  }

  /** A body is complete, or no longer read. */
  close(body: UnverifiedBody): void {
    const closed = body as Body;
    if (!this.#bodies.delete(closed)) return;
    if (this.#waiting.delete(closed)) return;
    this.#reservedBytes -= closed.reserved;
    if (this.#waiting.size > 0) this.#readWaiting(performance.now());
  }

  /** A connection was opened. If there are too many, the oldest unverified one is closed. */
  connected(connection: Connection): void {
    this.#connections.add(connection);
    connection.once("close", () => this.#connections.delete(connection));
    if (this.#connections.size <= this.limits.maxConnections) return;
    const [oldest] = this.#connections;
    if (oldest === undefined) return;
    this.#connections.delete(oldest);
    oldest.destroy();
  }

  /** A verified request has arrived on a connection. */
  verified(connection: Connection): void {
    this.#connections.delete(connection);
  }

  #hasRoom(bytes: number): boolean {
    return this.#reservedBytes === 0 || this.#reservedBytes + bytes <= this.limits.maxBytes;
  }

  /** Newest first: a body that has waited for long is more likely to be unauthorized, or abandoned by its caller. */
  #readWaiting(now: number): void {
    for (const body of [...this.#waiting].toReversed()) {
      if (!this.#hasRoom(body.reserved)) return;
      this.#waiting.delete(body);
      this.#reservedBytes += body.reserved;
      body.readAt = now;
      body.source.read();
    }
  }

  #check(now: number): void {
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
    const { readAt, bytes } = body;
    if (now - body.openedAt >= bodyTimeoutMs) return "too_slow";
    if (readAt === undefined) return now - body.openedAt >= maxWaitMs ? "overloaded" : undefined;
    const progress = body.progress(readAt);
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
    this.close(body);
    body.source.cut(reason);
  }
}
