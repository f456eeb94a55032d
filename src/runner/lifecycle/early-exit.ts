/**
 * Reports what ends the process before its runners have stopped: usually a signal handler of the program that calls
 * `process.exit`, and so cuts off invocations that a drain would finish.
 */
import type { Logger } from "../../contract/config/options.ts";
import { attributes } from "../../telemetry/catalog.ts";

/** A runner that has not stopped. */
export interface LiveRunner {
  readonly runnerId: string;
  readonly logger: Logger;
  /** Invocations that are running. */
  readonly inFlight: () => number;
}

const advice =
  "Remove the call, or set handleSignals: false and exit after await server.stop(): see docs/deployment.md.";

/** The place that called `process.exit`, from the stack of an exit listener; `undefined` if nothing did. */
const exitCaller = (): string | undefined => {
  const frames = (new Error().stack ?? "").split("\n").map((line) => line.trim().replace(/^at /, ""));
  const exit = frames.findIndex((frame) => /\b(process\.exit|reallyExit)\b|^exit\b/.test(frame));
  return exit === -1 ? undefined : frames[exit + 1];
};

/** Reports running invocations when the process exits. Called in an exit listener. */
export const reportEarlyExit = (code: number, runners: Iterable<LiveRunner>): void => {
  const caller = exitCaller();
  for (const { runnerId, logger, inFlight } of runners) {
    const running = inFlight();
    if (running === 0) continue;
    const by = caller === undefined ? "" : `, by process.exit at ${caller}`;
    logger.error(
      `Runner ${runnerId}: the process exited with code ${code} while ${running} ${running === 1 ? "invocation was" : "invocations were"} running${by}. Their callers get transport_error, executed: unknown. If that was a signal handler, it cut off the drain. ${advice}`,
      { [attributes.runnerId.name]: runnerId },
    );
  }
};

/** Warns of signal handlers that appear to exit the process. `own` is excluded. */
export const warnOfForeignHandlers = (
  signals: ReadonlyArray<NodeJS.Signals>,
  own: NodeJS.SignalsListener,
  { runnerId, logger }: LiveRunner,
): void => {
  for (const signal of signals) {
    const exits = process
      .listeners(signal)
      .some((listener) => listener !== own && /\bexit\s*\(/.test(Function.prototype.toString.call(listener)));
    if (!exits) continue;
    logger.warn(
      `Runner ${runnerId}: this program has a ${signal} handler that calls exit. If it exits before the runner has drained, running invocations are lost. ${advice}`,
      { [attributes.runnerId.name]: runnerId },
    );
  }
};
