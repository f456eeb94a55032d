/** One run of a handler: what it needs, and the record of it. */
import type { Invocation } from "../../contract/wire/dispatcher.ts";
import type { Executed } from "../../contract/errors.ts";
import type { Logger } from "../../contract/config/options.ts";
import type { RegisteredMethod } from "../../contract/api/registry.ts";
import type { Redactor } from "../../telemetry/redaction.ts";

/** A run while it lasts, and afterwards. */
export interface Run {
  readonly method: RegisteredMethod;
  readonly invocation: Invocation;
  readonly runnerId: string;
  readonly logger: Logger;
  readonly redact: Redactor;
  /** `performance.now()` at which it must be over. It grows while it runs, if callers with more time wait for the same run. */
  readonly deadlineAt: () => number;
  /** Calls back when that time has come. Returns how to stop waiting for it. */
  readonly onDeadline: (over: () => void) => () => void;
  /** What is known of the handler: whether it was reached. */
  executed: Executed;
  /** `performance.now()` at which the handler started; `undefined` as long as it has not. */
  startedAt: number | undefined;
  /** `performance.now()` at which the runner stopped waiting for it. */
  endedAt: number | undefined;
  /** What the handler threw. */
  thrown: unknown;
  /** What the handler has promised, where it runs here. */
  pending: Promise<unknown> | undefined;
  /** After it was given up: what the handler ends with if it goes on, encoded. Gives `undefined` where nothing goes on. */
  late: () => Promise<Uint8Array> | undefined;
}

/** What is known of a run when it begins. */
export type RunStart = Pick<
  Run,
  "method" | "invocation" | "runnerId" | "logger" | "redact" | "deadlineAt" | "onDeadline"
>;

/** A run that has not begun. */
export const newRun = (start: RunStart): Run => ({
  ...start,
  executed: "no",
  startedAt: undefined,
  endedAt: undefined,
  thrown: undefined,
  pending: undefined,
  late: () => undefined,
});
