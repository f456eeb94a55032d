/**
 * Decides whether a request is fresh: meant for this process, within the window, and not a replay. Firelight's parents
 * name the instance of this process and sign with the time of its monotonic clock, so a restart or a step of a system
 * clock neither makes an old request valid nor a new one invalid. A request without an instance is checked against the
 * wall clocks of both sides.
 */
import { type Addressee, type InstanceNote, signedAtMs } from "../../contract/wire/instance.ts";
import { ClockWatch, wallClockMs } from "../../contract/wire/clock.ts";
import { newNonce } from "../../contract/wire/nonce.ts";
import { makeNonceCache, type NonceCache } from "./nonce-cache.ts";

export interface FreshnessOptions {
  /** Maximum age of a request, and maximum time in the future, in milliseconds. */
  readonly windowMs: number;
  /** Maximum number of nonces, of requests that name the instance and of requests that name none. */
  readonly capacity: number;
  /** Called with the milliseconds by which the system clock was set; negative if it was set back. */
  readonly onClockStep: (stepMs: number) => void;
}

/** The fields that freshness depends on. */
export interface Dated {
  readonly nonce: string;
  readonly createdMs: number;
}

/**
 * The result for a request whose signature holds. `other`: it names other processes. `early`: it was created before
 * this process started. `late`: it names this process and a time before the window. `ahead`: its time is after the
 * window, so it may become valid later.
 */
export type FreshnessResult = "fresh" | "replay" | "full" | "stale" | "other" | "early" | "late" | "ahead";

export class Freshness {
  readonly windowMs: number;
  readonly #id = newNonce();
  readonly #startedAt = performance.now();
  readonly #startedMs = Math.floor(wallClockMs());
  /** Detects that the system clock was set. */
  readonly watch: ClockWatch = new ClockWatch();
  /** Called when it was set. */
  readonly onClockStep: (stepMs: number) => void;
  /** Nonces of requests that name this instance, with times by its clock. */
  readonly #named: NonceCache;
  /** Nonces of requests that name none, with times by their senders' clocks. */
  readonly #unnamed: NonceCache;

  constructor({ windowMs, capacity, onClockStep }: FreshnessOptions) {
    this.windowMs = windowMs;
    this.onClockStep = onClockStep;
    this.#named = makeNonceCache({ windowMs, capacity });
    this.#unnamed = makeNonceCache({ windowMs, capacity });
  }

  /** The instance of this process, and its time. */
  get note(): InstanceNote {
    return { id: this.#id, nowMs: this.#nowMs() };
  }

  /** How long before the start of this process a request was created, in milliseconds. */
  beforeStartMs({ createdMs }: Dated): number {
    return this.#startedMs - createdMs;
  }

  /**
   * How far the sender's clock is behind this one, in milliseconds, if by more than the window. Such a request can be
   * rejected before its signature is checked. A request that names instances is not checked against wall clocks.
   * Neither is a question for the instance that fits this process's clock without later steps, because it executes
   * nothing.
   */
  outsideWindow({ createdMs }: Dated, { instances }: Addressee, receivedMs: number): number | undefined {
    const offsetMs = receivedMs - createdMs;
    if (Math.abs(offsetMs) <= this.windowMs) return undefined;
    if (instances === undefined) return offsetMs;
    if (instances !== "asking") return undefined;
    return Math.abs(this.#startedMs + this.#nowMs() - createdMs) <= this.windowMs ? undefined : offsetMs;
  }

  /** Checks a request whose signature holds, and records its nonce if it is fresh. */
  use(request: Dated, instances: { readonly text: string } | undefined, mayBeEarly: boolean): FreshnessResult {
    const nowMs = performance.now() - this.#startedAt;
    if (instances === undefined) {
      if (!mayBeEarly && this.beforeStartMs(request) > 0) return "early";
      return this.#unnamed.use(request.nonce, request.createdMs, nowMs);
    }
    const atMs = signedAtMs(instances.text, this.#id);
    if (atMs === undefined) return "other";
    if (atMs - nowMs > this.windowMs) return "ahead";
    if (nowMs - atMs <= this.windowMs) return this.#named.use(request.nonce, atMs, nowMs);
    const known = this.#named.recall(request.nonce, atMs);
    return known === "fresh" ? "late" : known;
  }

  #nowMs(): number {
    return performance.now() - this.#startedAt;
  }
}
