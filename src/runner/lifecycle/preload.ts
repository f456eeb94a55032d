/**
 * Loaded by the process backend before the entry of a runner, with `--import` or `--preload`: starts the watch for the
 * end of the parent, and sees to it that no output is lost at the end of the runner. It takes itself off the arguments of the runtime, so that what the runner forks does not load it.
 */
import { isMainThread } from "node:worker_threads";
import { SUPERVISED_VARIABLE } from "../../contract/process/supervision.ts";
import { makeOutputBlocking } from "./blocking-output.ts";
import { startEarlyWatch } from "./boot-pipe-watch.ts";

if (isMainThread && process.send === undefined && process.env[SUPERVISED_VARIABLE] === "1") {
  const at = process.execArgv.findIndex((arg) => arg === import.meta.url || arg === import.meta.filename);
  if (at > 0) process.execArgv.splice(at - 1, 2);
  startEarlyWatch();
  makeOutputBlocking();
}
