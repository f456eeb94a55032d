/**
 * The process backend loads this module before the entry of a runner, with `--import` or `--preload`. It watches for
 * the exit of the parent, and makes output blocking so that none is lost. It removes itself from the arguments of the
 * runtime, so that child processes of the runner do not load it.
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
