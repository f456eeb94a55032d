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
  retry: { name: "flame.retry.scheduled", level: "info", description: "A call is tried again, and why." },
  retryRefused: {
    name: "flame.retry.refused",
    level: "info",
    description: "A call is not tried again, or not hedged, though its options allow it, and why.",
  },
  runnerBooting: { name: "flame.runner.booting", level: "debug", description: "A runner is being started." },
  runnerReady: { name: "flame.runner.ready", level: "info", description: "A runner is up." },
  runnerBootFailed: { name: "flame.runner.boot_failed", level: "error", description: "A runner did not come up." },
  runnerBootCanceled: {
    name: "flame.runner.boot_canceled",
    level: "info",
    description: "A boot was canceled: nobody needed the runner any more, or the pool was shut down.",
  },
  runnerDraining: {
    name: "flame.runner.draining",
    level: "info",
    description: "A runner takes no new work and finishes what it has.",
  },
  runnerLost: { name: "flame.runner.lost", level: "warn", description: "A runner ended without being asked to." },
  runnerTerminated: { name: "flame.runner.terminated", level: "info", description: "A runner was stopped." },
  runnerNotEnded: {
    name: "flame.runner.not_ended",
    level: "warn",
    description: "The backend could not end a runner, or took too long; it may still be there.",
  },
  isolateTerminated: {
    name: "flame.isolate.terminated",
    level: "warn",
    description:
      "The worker or process of a handler was terminated: the handler had not ended in time after its signal. As an error: it could not be stopped.",
  },
  poolSaturated: {
    name: "flame.pool.saturated",
    level: "warn",
    description: "Every slot that the pool may have is in use and calls wait.",
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
      "A function that was given to Firelight, such as `scaling`, a hook or one of a backend, failed or gave nothing that can be used; and what holds in its place. Once for each series of failures.",
  },
  heartbeatRefused: {
    name: "flame.heartbeat.refused",
    level: "error",
    description:
      "A runner refuses the heartbeats of its parent, and will end itself. Both say so: at the first one in a row, the second, the fourth and so on.",
  },
  clockStepped: {
    name: "flame.clock.stepped",
    level: "warn",
    description: "The system clock of this process was moved by a second or more, or its machine slept. Calls go on.",
  },
  signatureRejected: {
    name: "flame.signature.rejected",
    level: "warn",
    description: "A request or response was refused for its signature.",
  },
} satisfies Record<string, LogSpec>;
