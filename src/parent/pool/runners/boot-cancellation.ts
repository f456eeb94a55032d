/**
 * How long a boot goes on that nobody needs any more. A boot that was canceled in vain costs more than one that was kept
 * in vain, so there are three brakes. It has a moment, in which the next call may come. One that is about to be ready is
 * kept. And whenever a boot is wanted soon after one was canceled, boots get twice the time, until bursts that come again
 * and again find the runners that the earlier ones asked for. Pure.
 */

/** Milliseconds that a boot goes on unneeded, at first and at most. */
const shortestMs = 250;
const longestMs = 30_000;

/** Milliseconds after a cancellation in which another boot shows that it was too early. */
const regretMs = 30_000;

/** Shares of the usual boot time between which a boot counts as about to be ready. */
const nearlyReady = 0.8;
const expiredRunners = 1.5;

/** Weight of the newest boot in the usual boot time. */
const alpha = 0.3;

export class BootPatience {
  #usualMs: number | undefined;
  #flushAfterMs = shortestMs;
  #canceledAt = -Infinity;
  #regretted = false;

  /** A boot took so long. */
  booted(tookMs: number): void {
    this.#usualMs = this.#usualMs === undefined ? tookMs : this.#usualMs + (tookMs - this.#usualMs) * alpha;
  }

  /** Boots were canceled. */
  canceled(now: number): void {
    this.#canceledAt = now;
    this.#regretted = false;
  }

  /** Boots are wanted. */
  wanted(now: number): void {
    if (now - this.#canceledAt >= regretMs) {
      this.#flushAfterMs = shortestMs;
    } else if (!this.#regretted) {
      this.#flushAfterMs = Math.min(longestMs, this.#flushAfterMs * 2);
      this.#regretted = true;
    }
  }

  /** When to cancel a boot that nobody has needed for some time; `now` or earlier means at once. */
  dueAt(startedAt: number, unneededSince: number, now: number): number {
    const dueAt = Math.max(startedAt, unneededSince) + this.#flushAfterMs;
    if (this.#usualMs === undefined) return dueAt;
    const at = Math.max(dueAt, now);
    const lateAt = startedAt + this.#usualMs * expiredRunners;
    return at >= startedAt + this.#usualMs * nearlyReady && at < lateAt ? lateAt : dueAt;
  }
}
