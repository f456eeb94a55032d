/** Every log event, with its level. */

/** A log event. */
export interface LogSpec {
  /** The event's name. */
  readonly name: string;
  /** The level of its records. */
  readonly level: "debug" | "info" | "warn" | "error";
  /** When it is logged. */
  readonly description: string;
}

/** All log events, by the key that the code uses. */
export const logs = {
  clientException: { name: "rpc.client.call.exception", level: "warn", description: "A call failed for its caller." },
  serverException: {
    name: "rpc.server.call.exception",
    level: "error",
    description: "A handler failed on the runner.",
  },
  retry: { name: "flame.retry.scheduled", level: "info", description: "A call is retried, and why." },
  retryRefused: {
    name: "flame.retry.refused",
    level: "info",
    description: "A call is not retried or not hedged although its options allow it, and why.",
  },
  runnerBooting: { name: "flame.runner.booting", level: "debug", description: "A runner is being started." },
  runnerReady: { name: "flame.runner.ready", level: "info", description: "A runner is ready." },
  runnerBootFailed: { name: "flame.runner.boot_failed", level: "error", description: "A runner failed to boot." },
  runnerBootCanceled: {
    name: "flame.runner.boot_canceled",
    level: "info",
    description: "A boot was canceled: the runner was no longer needed, or the pool was shut down.",
  },
  runnerDraining: {
    name: "flame.runner.draining",
    level: "info",
    description: "A runner accepts no new calls and finishes the current ones.",
  },
  runnerLost: { name: "flame.runner.lost", level: "warn", description: "A runner exited unexpectedly." },
  runnerTerminated: { name: "flame.runner.terminated", level: "info", description: "A runner was stopped." },
  runnerNotEnded: {
    name: "flame.runner.not_ended",
    level: "warn",
    description: "The backend failed to terminate a runner or took too long. The runner may still be running.",
  },
  isolateTerminated: {
    name: "flame.isolate.terminated",
    level: "warn",
    description:
      "The worker or process of a handler was terminated, because the handler did not stop in time after its signal. Level `error`: it could not be terminated.",
  },
  poolSaturated: {
    name: "flame.pool.saturated",
    level: "warn",
    description: "All slots of the pool are in use, it is at its maximum size, and calls are waiting.",
  },
  poolScaled: {
    name: "flame.pool.scaled",
    level: "info",
    description: "The pool started or stopped runners, and why.",
  },
  userFunctionFailed: {
    name: "flame.user_function.failed",
    level: "error",
    description:
      "A user-supplied function, such as `scaling`, a hook or a backend's, failed or returned an invalid value, and what is used instead. Logged once per series of failures.",
  },
  heartbeatRefused: {
    name: "flame.heartbeat.refused",
    level: "error",
    description:
      "A runner refuses the heartbeats of its parent and will exit. Both sides log the first refusal in a row, the second, the fourth and so on.",
  },
  clockStepped: {
    name: "flame.clock.stepped",
    level: "warn",
    description: "The system clock jumped by a second or more, or the machine was suspended. Calls are not affected.",
  },
  signatureRejected: {
    name: "flame.signature.rejected",
    level: "warn",
    description: "A request or response was rejected because of its signature.",
  },
} satisfies Record<string, LogSpec>;
