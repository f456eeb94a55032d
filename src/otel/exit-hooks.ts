/** When a process is about to end, by itself or by a signal: the last moment to send what is buffered. */

const signals = ["SIGTERM", "SIGINT"] as const;

interface CountingEmitter {
  readonly count?: unknown;
}

/**
 * How many of a signal's listeners belong to the package signal-exit, which many command-line tools use: they end the
 * process only if nobody else listens, and so wait for us to stop.
 */
const waitingListeners = (): number => {
  const hooks = process as unknown as Record<string | symbol, CountingEmitter | undefined>;
  const emitters = [hooks["__signal_exit_emitter__"], hooks[Symbol.for("signal-exit emitter")]];
  return emitters.reduce((sum, emitter) => sum + (typeof emitter?.count === "number" ? emitter.count : 0), 0);
};

/** What is done at the end. */
interface EndFlush {
  /** Sends what is buffered, within a bound; never rejects. */
  run(): Promise<void>;
  /** The same, where the end may still be far. */
  begin(): Promise<void>;
}

/**
 * Flushes once when the process is about to end by itself, on SIGTERM and on SIGINT. Where nobody else listens to
 * the signal, it is raised again afterwards and ends the process as it would have; a second signal does so at once.
 * Whoever listens as well decides about the end, and finds that sending has begun. `process.exit()` waits for nothing.
 *
 * @returns takes the hooks away.
 */
export const onProcessEnd = (flush: EndFlush): (() => void) => {
  let flushing = false;
  const onBeforeExit = (): void => void flush.run();
  const stop = (): void => {
    process.off("beforeExit", onBeforeExit);
    for (const signal of signals) process.off(signal, onSignal);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    const others = process.listeners(signal).filter((listener) => listener !== onSignal).length;
    if (others > waitingListeners()) {
      void flush.begin();
      return;
    }
    const raise = (): void => {
      stop();
      process.kill(process.pid, signal);
    };
    if (flushing) return raise();
    flushing = true;
    void flush.run().then(raise);
  };
  process.once("beforeExit", onBeforeExit);
  // First, so that a listener that others registered with `once` is still there to be seen.
  for (const signal of signals) process.prependListener(signal, onSignal);
  return stop;
};
