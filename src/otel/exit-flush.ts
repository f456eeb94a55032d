/**
 * The flush at the end of a process: however often it is asked for (`flame.shutdown`, a draining runner, a signal, the
 * end of the program), all of it together stays within one timeout, also when the receiver is dead.
 */

/** Flushes that fail share one timeout when they are at most this many milliseconds apart. */
const sameEndMs = 60_000;

/** Sends what is buffered, within a bound. */
export class ExitFlush {
  readonly #send: () => Promise<unknown>;
  readonly #timeoutMs: number;
  /** When exports must have ended, while a flush is going on. */
  #deadline: number | undefined;
  #flushes = 0;
  #last: Promise<unknown> = Promise.resolve();
  #failedExports = 0;
  /** What failed flushes have used up of the timeout, and when the last of them ended. */
  #spentMs = 0;
  #spentAt = -Infinity;

  constructor(send: () => Promise<unknown>, timeoutMs: number) {
    this.#send = send;
    this.#timeoutMs = timeoutMs;
  }

  /** Milliseconds that an export may take that starts now, during a flush; `undefined` outside of one. */
  get remainingMs(): number | undefined {
    return this.#deadline === undefined ? undefined : this.#deadline - performance.now();
  }

  /** Exporters tell how each export ended. */
  noteExport(succeeded: boolean): void {
    if (succeeded) this.#spentMs = 0;
    else this.#failedExports += 1;
  }

  /**
   * Sends what is buffered. Never rejects; what could not be sent is told to `console.error`.
   *
   * @param send does so in place of what this was made with
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
    if (timeoutMs < this.#timeoutMs) return; // said already
    console.error(
      `firelight: telemetry could not be sent within ${this.#timeoutMs} ms and is lost. Check OTEL_EXPORTER_OTLP_ENDPOINT; npx firelight doctor tests it.`,
      ...(outcome === undefined ? [] : [outcome]),
    );
  }

  /** Begins to send, while somebody else still decides about the end and will ask for {@link run}. */
  async begin(): Promise<void> {
    await this.#within(this.#timeoutMs, this.#send);
  }

  /** Why it failed; `undefined` when it did not. */
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
      timer = setTimeout(() => resolve(new Error(`no answer within ${Math.ceil(timeoutMs)} ms`)), timeoutMs);
    });
    const outcome = await Promise.race([sending, expired]);
    clearTimeout(timer);
    return outcome;
  }
}
