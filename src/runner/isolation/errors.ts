/** The errors of executions in isolates that the handler itself does not report. */
import { type CallError, ConfigError, type FlameErrorContext, InvokeError } from "../../contract/errors.ts";
import type { IsolateKind } from "../../contract/config/isolation.ts";
import type { ThrownError } from "../../contract/thrown.ts";
import type { Execution } from "../handler/execution.ts";
import type { IsolateExit } from "./isolate-link.ts";
import type { BootFailure } from "./isolate-pool.ts";

/** The name of an isolate in messages. */
const nameOf: Readonly<Record<IsolateKind, string>> = { worker: "worker", process: "child process" };

/** The fields that every error of an execution has. */
export const contextOf = ({ invocation, host, executed }: Execution): FlameErrorContext => ({
  executed,
  phase: "handler",
  method: invocation.method,
  invocationId: invocation.invocationId,
  attempt: invocation.attempt,
  runnerId: host.runnerId,
});

const unstarted = { executed: "no", phase: "runner_queue" } as const;

/** Recreates an error that was thrown in the isolate. */
export const revive = ({ name, message, code, stack, cause, errors }: ThrownError): Error => {
  const hidden = (value: unknown): PropertyDescriptor => ({ value, configurable: true, writable: true });
  const error = errors === undefined ? new Error(message) : new AggregateError(errors.map(revive), message);
  return Object.defineProperties(error, {
    name: hidden(name),
    stack: hidden(stack),
    ...(code === undefined ? undefined : { code: { ...hidden(code), enumerable: true } }),
    ...(cause === undefined ? undefined : { cause: hidden(revive(cause)) }),
  });
};

/** What isolates are started from. */
export interface IsolateSource {
  readonly entry: string;
  readonly bootTimeoutMs: number;
}

/** No isolate could be started. */
export const bootError = (
  execution: Execution,
  kind: IsolateKind,
  { entry, bootTimeoutMs }: IsolateSource,
  failure: BootFailure,
): CallError => {
  const { invocation, host } = execution;
  const what = `${invocation.method} did not run on runner ${host.runnerId}: the ${nameOf[kind]} for it`;
  if (failure._tag === "Ended" && failure.exit.starved) {
    const { how, cause } = failure.exit;
    return new InvokeError("overloaded", `${what} ${how}.`, { ...unstarted, cause });
  }
  if (failure._tag === "StartFailed") {
    const { name, message } = failure.thrown;
    const cause = revive(failure.thrown);
    return new InvokeError("no_runner", `${what} could not start: onRunnerStart failed with ${name}: ${message}`, {
      ...unstarted,
      cause,
    });
  }
  if (failure._tag === "Silent" && failure.starting) {
    return new InvokeError(
      "no_runner",
      `${what} was not ready within ${bootTimeoutMs} ms: onRunnerStart was still running. Make onRunnerStart faster, or raise isolation.bootTimeoutMs.`,
      unstarted,
    );
  }
  const why = failure._tag === "Silent" ? `had registered no methods after ${bootTimeoutMs} ms` : failure.exit.how;
  return new ConfigError(
    `${what}, which imported ${entry}, ${why}. That module must import the definitions and call flame.createRunnerServer() also in a ${nameOf[kind]}` +
      " (import.meta.main can be false there). See its output. Set isolation.entry to use another module.",
    { ...unstarted, cause: failure._tag === "Ended" ? failure.exit.cause : undefined },
  );
};

export const deadlineError = (execution: Execution, kind: IsolateKind, graceMs: number): InvokeError =>
  new InvokeError(
    "timeout",
    `${execution.invocation.method} exceeded its ${Math.round(execution.deadlineAt() - execution.invocation.arrivedAt)} ms deadline on runner ${execution.host.runnerId}. Its signal was aborted, and its ${nameOf[kind]} is terminated if the handler goes on for ${graceMs} ms.`,
    contextOf(execution),
  );

/** The isolate exited while the handler was running. */
export const lostError = (execution: Execution, kind: IsolateKind, { how, cause }: IsolateExit): InvokeError =>
  new InvokeError(
    "transport_error",
    `The ${nameOf[kind]} that ran ${execution.invocation.method} on runner ${execution.host.runnerId} ${how}. The runner goes on.`,
    { ...contextOf(execution), cause },
  );

/** The runner terminated the isolate while a caller waited. */
export const stoppedError = (execution: Execution): InvokeError =>
  new InvokeError(
    "unavailable",
    `Runner ${execution.host.runnerId} stopped and terminated ${execution.invocation.method} while it was running.`,
    contextOf(execution),
  );
