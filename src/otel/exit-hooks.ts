/** Runs a hook before a process ends, by itself or by a signal: the last chance to send buffered telemetry. */

const signals = ["SIGTERM", "SIGINT"] as const;

interface CountingEmitter {
  readonly count?: unknown;
}

/**
 * Counts the listeners that belong to the package signal-exit, which many command-line tools use. They end the process
 * only if nothing else listens, so they wait for this listener to go away.
 */
const waitingListeners = (): number => {
  const hooks = process as unknown as Record<string | symbol, CountingEmitter | undefined>;
  const emitters = [hooks["__signal_exit_emitter__"], hooks[Symbol.for("signal-exit emitter")]];
  return emitters.reduce((sum, emitter) => sum + (typeof emitter?.count === "number" ? emitter.count : 0), 0);
};

/** The actions before the exit. */
interface EndFlush {
  /** Sends buffered telemetry within a time limit. Never rejects. */
  run(): Promise<void>;
  /** Starts to send when the exit may not be imminent. */
  begin(): Promise<void>;
}

/**
 * Flushes once before the process ends by itself, on SIGTERM and on SIGINT. If nothing else listens to the signal, it
 * is raised again afterwards and ends the process as usual; a second signal ends it at once. Another listener decides
 * about the exit itself; the flush has started by then. `process.exit()` does not wait.
 *
 * @returns a function that removes the hooks
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
  // Registered first, so a listener that was added with `once` is still visible.
  for (const signal of signals) process.prependListener(signal, onSignal);
  return stop;
};
