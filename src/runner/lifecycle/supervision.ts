/**
 * The runner's half of supervision: it tells the backend that started it when it
 * takes requests, and ends itself when that backend's process is gone.
 */
import { fstatSync, writeSync } from "node:fs";
import { ConfigError } from "../../contract/errors.ts";
import type { Environment } from "../../contract/config/resolve-config.ts";
import {
  encodeSupervision,
  type FailedMessage,
  type ReadyMessage,
  SUPERVISED_VARIABLE,
  SUPERVISION_FD,
} from "../../contract/process/supervision.ts";
import { cutText, messageOf, readThrown } from "../../contract/thrown.ts";
import { makeOutputBlocking } from "./blocking-output.ts";
import { takeOverWatch } from "./boot-pipe-watch.ts";
import { watchForParent } from "./parent-pipe-watch.ts";

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

/** Most characters of a message and of a stack that are told to the parent. */
const mostFailureText = 4_000;

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

/** What was thrown, in a line of bounded length. */
const failure = (thrown: unknown): Omit<FailedMessage, "failed"> => {
  const { name, message, stack } = readThrown(thrown);
  return {
    name,
    message: cutText(message, mostFailureText),
    ...(stack === undefined ? {} : { stack: cutText(stack, mostFailureText) }),
  };
};

/** Tells the parent how far the boot is. */
export interface Supervision {
  /** Something of the user's, by this name, has to be done before the runner is ready. */
  starting(what: string): void;
  /** That has failed. */
  failed(what: string, thrown: unknown): void;
  /** The runner is ready. */
  ready(phases: ReadyMessage["phases"]): void;
  /** Ends the watch; the runner then outlives its parent. */
  stop(): void;
}

const unsupervised: Supervision = { starting: () => {}, failed: () => {}, ready: () => {}, stop: () => {} };

/**
 * Watches for the end of the parent, and reports to it. Call it once, after the server listens. Does nothing unless
 * `FLAME_SUPERVISED` is `1`.
 *
 * When the parent is gone, however it ended, `onParentGone` is called, and the process
 * is killed two seconds later even when a handler never gives the main thread back.
 *
 * @throws {ConfigError} when `FLAME_SUPERVISED` is set but the parent's pipe did not get here.
 */
export const superviseRunner = (options: SuperviseOptions): Supervision => {
  if (options.env[SUPERVISED_VARIABLE] !== "1") return unsupervised;
  if (!isPipe(SUPERVISION_FD)) {
    throw new ConfigError(
      `${SUPERVISED_VARIABLE} is set, but descriptor ${SUPERVISION_FD} is not the pipe of a parent. ` +
        `If the process backend started this runner through a \`command\`, that program must pass descriptor ${SUPERVISION_FD} on ` +
        `(use \`exec\` in a shell script). If nobody supervises this runner, unset ${SUPERVISED_VARIABLE}.`,
      { runnerId: options.runnerId },
    );
  }
  const { url, port, runnerId, onParentGone } = options;
  makeOutputBlocking();
  const onFailure = (cause: unknown): void =>
    process.emitWarning(
      `Runner ${runnerId} cannot watch for the end of its parent and would outlive it: ${messageOf(cause)}`,
      { code: "FLAME_ORPHAN_WATCH" },
    );
  const stop =
    takeOverWatch({ onParentGone, onFailure }) ?? watchForParent({ fd: SUPERVISION_FD, onParentGone, onFailure });
  return {
    starting: (what) => announce(encodeSupervision({ starting: what })),
    failed: (what, thrown) => announce(encodeSupervision({ failed: what, ...failure(thrown) })),
    ready: (phases) =>
      announce(
        encodeSupervision({
          ready: true,
          url,
          port,
          runnerId,
          pid: process.pid,
          ...(phases === undefined ? {} : { phases }),
        }),
      ),
    stop,
  };
};
