/**
 * The runner's side of supervision: it reports to its backend when it accepts requests, and exits when the process of
 * the backend has exited.
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

/** What a runner reports once it listens. */
export interface SuperviseOptions {
  /** The base URL at which the parent reaches this runner. */
  readonly url: string;
  readonly port: number;
  readonly runnerId: string;
  /** Has `FLAME_SUPERVISED`. */
  readonly env: Environment;
  /** Called once after the parent has exited: drain, then exit. */
  readonly onParentGone: () => void;
}

/** Maximum length of a message and of a stack that are reported to the parent, in characters. */
const maxFailureText = 4_000;

const isPipe = (fd: number): boolean => {
  try {
    const stat = fstatSync(fd);
    return stat.isSocket() || stat.isFIFO();
  } catch {
    return false;
  }
};

/** Writes the line. The watch handles a parent that has already exited. */
const announce = (line: string): void => {
  try {
    writeSync(SUPERVISION_FD, line);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EPIPE" && code !== "ECONNRESET") throw error;
  }
};

/** A thrown value as a line of limited length. */
const failure = (thrown: unknown): Omit<FailedMessage, "failed"> => {
  const { name, message, stack } = readThrown(thrown);
  return {
    name,
    message: cutText(message, maxFailureText),
    ...(stack === undefined ? {} : { stack: cutText(stack, maxFailureText) }),
  };
};

/** Reports the progress of the boot to the parent. */
export interface Supervision {
  /** The user function of this name runs before the runner is ready. */
  starting(what: string): void;
  /** It failed. */
  failed(what: string, thrown: unknown): void;
  /** The runner is ready. */
  ready(phases: ReadyMessage["phases"]): void;
  /** Stops the watch. The runner then outlives its parent. */
  stop(): void;
}

const unsupervised: Supervision = { starting: () => {}, failed: () => {}, ready: () => {}, stop: () => {} };

/**
 * Watches for the exit of the parent, and reports to it. Call it once, after the server listens. A no-op unless
 * `FLAME_SUPERVISED` is `1`.
 *
 * After the parent has exited, however it did, `onParentGone` is called, and the process is killed two seconds later even if a
 * handler blocks the main thread.
 *
 * @throws {ConfigError} if `FLAME_SUPERVISED` is set but the process has not inherited the pipe of the parent.
 */
export const superviseRunner = (options: SuperviseOptions): Supervision => {
  if (options.env[SUPERVISED_VARIABLE] !== "1") return unsupervised;
  if (!isPipe(SUPERVISION_FD)) {
    throw new ConfigError(
      `${SUPERVISED_VARIABLE} is set, but descriptor ${SUPERVISION_FD} is not the pipe of a parent. ` +
        `If the process backend started this runner through a \`command\`, that program must pass descriptor ${SUPERVISION_FD} on ` +
        `(use \`exec\` in a shell script). If no parent supervises this runner, unset ${SUPERVISED_VARIABLE}.`,
      { runnerId: options.runnerId },
    );
  }
  const { url, port, runnerId, onParentGone } = options;
  makeOutputBlocking();
  const onFailure = (cause: unknown): void =>
    process.emitWarning(
      `Runner ${runnerId} cannot watch for the exit of its parent and would outlive it: ${messageOf(cause)}`,
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
