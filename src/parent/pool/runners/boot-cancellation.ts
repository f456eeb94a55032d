/**
 * Decides how long an unneeded boot goes on. Canceling a boot too early costs more than keeping an unneeded one, so
 * there are three delays. A boot goes on for a short time, in which the next call may arrive. A boot that is almost
 * ready is kept. And if a boot is needed soon after one was canceled, that time doubles, until repeated bursts find the
 * runners that earlier bursts started. Pure.
 */

/** How long an unneeded boot goes on, initially and at most, in milliseconds. */
const shortestMs = 250;
const maxMs = 30_000;

/** A boot within this time after a cancellation shows that the cancellation was too early. In milliseconds. */
const regretMs = 30_000;

/** Shares of the average boot time between which a boot counts as almost ready. */
const nearlyReady = 0.8;
const expiredRunners = 1.5;

/** Weight of the newest boot in the average boot time. */
const alpha = 0.3;

export class BootPatience {
  #usualMs: number | undefined;
  #flushAfterMs = shortestMs;
  #canceledAt = -Infinity;
  #regretted = false;

  /** A boot succeeded after this time. */
  booted(tookMs: number): void {
    this.#usualMs = this.#usualMs === undefined ? tookMs : this.#usualMs + (tookMs - this.#usualMs) * alpha;
  }

  /** Boots were canceled. */
  canceled(now: number): void {
    this.#canceledAt = now;
    this.#regretted = false;
  }

  /** Boots are needed. */
  wanted(now: number): void {
    if (now - this.#canceledAt >= regretMs) {
      this.#flushAfterMs = shortestMs;
    } else if (!this.#regretted) {
      this.#flushAfterMs = Math.min(maxMs, this.#flushAfterMs * 2);
      this.#regretted = true;
    }
  }

  /** When to cancel an unneeded boot. `now` or earlier means at once. */
  dueAt(startedAt: number, unneededSince: number, now: number): number {
    const dueAt = Math.max(startedAt, unneededSince) + this.#flushAfterMs;
    if (this.#usualMs === undefined) return dueAt;
    const at = Math.max(dueAt, now);
    const lateAt = startedAt + this.#usualMs * expiredRunners;
    return at >= startedAt + this.#usualMs * nearlyReady && at < lateAt ? lateAt : dueAt;
  }
}
