/**
 * Decides whether a request is meant for this process, now, and for the first time. Firelight's parents name this process, its
 * instance, and sign with the time of its own monotonic clock: no restart and no step of a system clock, on either side, makes such
 * a request valid again or keeps a new one out. A sender that names no instance is judged by the wall clocks of both sides.
 */
import { type Addressee, type InstanceNote, signedAtMs } from "../../contract/wire/instance.ts";
import { ClockWatch, wallClockMs } from "../../contract/wire/clock.ts";
import { newNonce } from "../../contract/wire/nonce.ts";
import { makeNonceMemory, type NonceMemory } from "./nonce-cache.ts";

export interface FreshnessOptions {
  /** Milliseconds by which a request may be older or newer than the clock that judges it. */
  readonly windowMs: number;
  /** Most nonces held, of requests that name the instance and of those that name none. */
  readonly capacity: number;
  /** Hears by how many milliseconds the system clock was moved, negative for back. */
  readonly onClockStep: (stepMs: number) => void;
}

/** What there is to judge of a request. */
export interface Dated {
  readonly nonce: string;
  readonly createdMs: number;
}

/**
 * What is said of a request whose signature holds. `other`: it names other processes than this one. `early`: it was created before
 * this process began. `late`: it names this process, and a time before the window. `ahead`: a time behind it, so that it may become valid yet.
 */
export type FreshnessVerdict = "fresh" | "replay" | "full" | "stale" | "other" | "early" | "late" | "ahead";

export class Freshness {
  readonly windowMs: number;
  readonly #id = newNonce();
  readonly #startedAt = performance.now();
  readonly #startedMs = Math.floor(wallClockMs());
  readonly #watch = new ClockWatch();
  readonly #onClockStep: (stepMs: number) => void;
  /** Nonces of requests that name this instance, with times by its clock. */
  readonly #named: NonceMemory;
  /** Nonces of requests that name none, with times by their senders' clocks. */
  readonly #unnamed: NonceMemory;

  constructor({ windowMs, capacity, onClockStep }: FreshnessOptions) {
    this.windowMs = windowMs;
    this.#onClockStep = onClockStep;
    this.#named = makeNonceMemory({ windowMs, capacity });
    this.#unnamed = makeNonceMemory({ windowMs, capacity });
  }

  /** What this process says of itself. */
  get note(): InstanceNote {
    return { id: this.#id, nowMs: this.#nowMs() };
  }

  /** How long ago a request was created at which this process did not yet run, in milliseconds before its start. */
  beforeStartMs({ createdMs }: Dated): number {
    return this.#startedMs - createdMs;
  }

  /** Looks whether the system clock was set since the last request. */
  watchClock(): void {
    const stepMs = this.#watch.look();
    if (stepMs !== undefined) this.#onClockStep(stepMs);
  }

  /**
   * By how many milliseconds the sender's clock is behind this one, if by more than the window; for what can be refused before its
   * signature is checked. A request that names instances is not judged by wall clocks. Neither is one that asks, as long as it fits
   * this process's clock as it was before it was set: nothing is executed for it.
   */
  outsideWindow({ createdMs }: Dated, { instances }: Addressee, receivedMs: number): number | undefined {
    const offsetMs = receivedMs - createdMs;
    if (Math.abs(offsetMs) <= this.windowMs) return undefined;
    if (instances === undefined) return offsetMs;
    if (instances !== "asking") return undefined;
    return Math.abs(this.#startedMs + this.#nowMs() - createdMs) <= this.windowMs ? undefined : offsetMs;
  }

  /** Judges a request whose signature holds, and remembers it when it is fresh. */
  use(request: Dated, instances: { readonly text: string } | undefined, mayBeEarly: boolean): FreshnessVerdict {
    const nowMs = this.#nowMs();
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
