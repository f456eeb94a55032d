/** The errors of runs in isolates that the handler itself does not tell of. */
import { type CallError, ConfigError, type FlameErrorContext, InvokeError } from "../../contract/errors.ts";
import type { IsolateKind } from "../../contract/config/isolation.ts";
import type { ThrownError } from "../../contract/thrown.ts";
import type { Run } from "../handler/execution.ts";
import type { IsolateExit } from "./isolate-link.ts";
import type { BootFailure } from "./isolate-pool.ts";

/** How messages call an isolate. */
const called: Readonly<Record<IsolateKind, string>> = { worker: "worker", process: "child process" };

/** What every error of a run says. */
export const contextOf = ({ invocation, runnerId, executed }: Run): FlameErrorContext => ({
  executed,
  phase: "handler",
  method: invocation.method,
  invocationId: invocation.invocationId,
  attempt: invocation.attempt,
  runnerId,
});

const unstarted = { executed: "no", phase: "runner_queue" } as const;

/** An error like the one that was thrown in the isolate. */
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

/** Where isolates come from. */
export interface IsolateSource {
  readonly entry: string;
  readonly bootTimeoutMs: number;
}

/** No isolate could be had. */
export const bootError = (
  run: Run,
  kind: IsolateKind,
  { entry, bootTimeoutMs }: IsolateSource,
  failure: BootFailure,
): CallError => {
  const { method, runnerId } = run;
  const what = `${method.name} did not run on runner ${runnerId}: the ${called[kind]} for it`;
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
      `${what} was not ready within ${bootTimeoutMs} ms, and onRunnerStart was still running. Make it end sooner, or raise isolation.bootTimeoutMs.`,
      unstarted,
    );
  }
  const why = failure._tag === "Silent" ? `had no methods after ${bootTimeoutMs} ms` : failure.exit.how;
  return new ConfigError(
    `${what}, which imported ${entry}, ${why}. That module must import the definitions and call flame.createRunnerServer() also in a ${called[kind]}` +
      " (import.meta.main can be false there); what it prints says more. Name another one with isolation.entry.",
    { ...unstarted, cause: failure._tag === "Ended" ? failure.exit.cause : undefined },
  );
};

export const deadlineError = (run: Run, kind: IsolateKind, graceMs: number): InvokeError =>
  new InvokeError(
    "timeout",
    `${run.method.name} was still running on runner ${run.runnerId} when the ${Math.round(run.deadlineAt() - run.invocation.arrivedAt)} ms that it was given were over. Its signal was aborted, and its ${called[kind]} is terminated if it goes on for ${graceMs} ms.`,
    contextOf(run),
  );

/** The isolate ended while it had the call. */
export const lostError = (run: Run, kind: IsolateKind, { how, cause }: IsolateExit): InvokeError =>
  new InvokeError(
    "transport_error",
    `The ${called[kind]} in which ${run.method.name} ran on runner ${run.runnerId} ${how}. The runner goes on.`,
    { ...contextOf(run), cause },
  );

/** The runner ended it while somebody waited. */
export const stoppedError = (run: Run): InvokeError =>
  new InvokeError(
    "unavailable",
    `Runner ${run.runnerId} stopped while ${run.method.name} was running and terminated it.`,
    contextOf(run),
  );
