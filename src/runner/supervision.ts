/**
 * The runner's half of supervision: it tells the backend that started it when it
 * takes requests, and ends itself when that backend's process is gone.
 */
import { fstatSync, writeSync } from "node:fs";
import { ConfigError } from "../contract/errors.ts";
import type { Environment } from "../contract/resolve-config.ts";
import { encodeReady, SUPERVISED_VARIABLE, SUPERVISION_FD } from "../contract/supervision.ts";
import { messageOf } from "../contract/thrown.ts";
import { makeOutputBlocking } from "./blocking-output.ts";
import { takeOverWatch } from "./early-watch.ts";
import { watchForParent } from "./orphan-watch.ts";

/** What a runner tells about itself once it listens. */
export interface SuperviseOptions {
  /** The base URL at which the parent reaches this runner. */
  readonly url: string;
  readonly port: number;
  readonly runnerId: string;
  /** Where `FLAME_SUPERVISED` is looked up. */
  readonly env: Environment;
  /** Called once when the parent is gone: drain, then exit. */
  readonly onParentGone: () => void;
}

const isPipe = (fd: number): boolean => {
  try {
    const stat = fstatSync(fd);
    return stat.isSocket() || stat.isFIFO();
  } catch {
    return false;
  }
};

/** Writes the line. A parent that is gone already is the watch's to see. */
const announce = (line: string): void => {
  try {
    writeSync(SUPERVISION_FD, line);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EPIPE" && code !== "ECONNRESET") throw error;
  }
};

/**
 * Reports that this runner is ready and watches for the end of its parent. Call it
 * once, after the server listens. Does nothing unless `FLAME_SUPERVISED` is `1`.
 *
 * When the parent is gone, however it ended, `onParentGone` is called, and the process
 * is killed two seconds later even when a handler never gives the main thread back.
 *
 * @returns stops the watch; the runner then outlives its parent.
 * @throws {ConfigError} when `FLAME_SUPERVISED` is set but the parent's pipe did not get here.
 */
export const superviseRunner = (options: SuperviseOptions): (() => void) => {
  if (options.env[SUPERVISED_VARIABLE] !== "1") return () => {};
  if (!isPipe(SUPERVISION_FD)) {
    throw new ConfigError(
      `${SUPERVISED_VARIABLE} is set, but descriptor ${SUPERVISION_FD} is not the pipe of a parent. ` +
        `If the process backend started this runner through a \`command\`, that program must pass descriptor ${SUPERVISION_FD} on ` +
        `(use \`exec\` in a shell script). If nobody supervises this runner, unset ${SUPERVISED_VARIABLE}.`,
      { runnerId: options.runnerId },
    );
  }
  const { url, port, runnerId } = options;
  announce(encodeReady({ ready: true, url, port, runnerId, pid: process.pid }));
  makeOutputBlocking();
  const { onParentGone } = options;
  const onFailure = (cause: unknown): void =>
    process.emitWarning(
      `Runner ${runnerId} cannot watch for the end of its parent and would outlive it: ${messageOf(cause)}`,
      { code: "FLAME_ORPHAN_WATCH" },
    );
  return takeOverWatch({ onParentGone, onFailure }) ?? watchForParent({ fd: SUPERVISION_FD, onParentGone, onFailure });
};
