/**
 * Flushes telemetry at the end of a process. `flame.shutdown`, a draining runner, a signal and the end of the program
 * may all request it; together they take at most one timeout, even if the receiver is down.
 */

/** Failed flushes share one timeout if they are at most this far apart, in milliseconds. */
const sameEndMs = 60_000;

/** Sends buffered telemetry within a time limit. */
export class ExitFlush {
  readonly #send: () => Promise<unknown>;
  readonly #timeoutMs: number;
  /** The deadline of exports during a flush. */
  #deadline: number | undefined;
  #flushes = 0;
  #last: Promise<unknown> = Promise.resolve();
  #failedExports = 0;
  /** The part of the timeout that failed flushes used up, and when the last one ended. */
  #spentMs = 0;
  #spentAt = -Infinity;

  constructor(send: () => Promise<unknown>, timeoutMs: number) {
    this.#send = send;
    this.#timeoutMs = timeoutMs;
  }

  /** Maximum time of an export that starts now during a flush, in milliseconds; `undefined` outside of one. */
  get remainingMs(): number | undefined {
    return this.#deadline === undefined ? undefined : this.#deadline - performance.now();
  }

  /** Records the outcome of an export. */
  noteExport(succeeded: boolean): void {
    if (succeeded) this.#spentMs = 0;
    else this.#failedExports += 1;
  }

  /**
   * Sends buffered telemetry. Never rejects; failures are written to `console.error`.
   *
   * @param send replaces the default function
   */
  async run(send: () => Promise<unknown> = this.#send): Promise<void> {
    const startedAt = performance.now();
    if (startedAt - this.#spentAt > sameEndMs) this.#spentMs = 0;
    const timeoutMs = Math.max(0, this.#timeoutMs - this.#spentMs);
    const failedBefore = this.#failedExports;
    const outcome = await this.#within(timeoutMs, send);
    if (outcome === undefined && this.#failedExports === failedBefore) return;
    this.#spentMs += performance.now() - startedAt;
    this.#spentAt = performance.now();
    if (timeoutMs < this.#timeoutMs) return; // reported before
    console.error(
      `firelight: failed to send telemetry within ${this.#timeoutMs} ms; it is lost. Check OTEL_EXPORTER_OTLP_ENDPOINT with npx firelight doctor.`,
      ...(outcome === undefined ? [] : [outcome]),
    );
  }

  /** Starts to send while another listener controls the exit and will call {@link run}. */
  async begin(): Promise<void> {
    await this.#within(this.#timeoutMs, this.#send);
  }

  /** Returns the error of a failed flush. */
  async #within(timeoutMs: number, send: () => Promise<unknown>): Promise<unknown> {
    const earlier = this.#last;
    this.#deadline = performance.now() + timeoutMs;
    this.#flushes += 1;
    const sending = (async (): Promise<unknown> => {
      try {
        await earlier;
        await send();
        return undefined;
      } catch (error) {
        return error;
      } finally {
        this.#flushes -= 1;
        if (this.#flushes === 0) this.#deadline = undefined;
      }
    })();
    this.#last = sending;
    let timer: NodeJS.Timeout | undefined;
    const expired = new Promise<unknown>((resolve) => {
      timer = setTimeout(() => resolve(new Error(`no response within ${Math.ceil(timeoutMs)} ms`)), timeoutMs);
    });
    const outcome = await Promise.race([sending, expired]);
    clearTimeout(timer);
    return outcome;
  }
}
