/** The errors of calls that get no lease: which pool, why, and what to do. */
import { type CallError, ConfigError, InvokeError } from "../../contract/errors.ts";
import { messageOf } from "../../contract/thrown.ts";
import type { PoolSnapshot } from "../../telemetry/telemetry.ts";
import type { PoolCommand } from "./core/events.ts";
import { adviceFor, type Situation } from "./core/obstacle.ts";

type Refusal = Extract<PoolCommand, { _tag: "Refuse" }>;

const describe = ({ runners, slotsUsed, slotsLimit, pending }: PoolSnapshot): string =>
  `${slotsUsed} of ${slotsLimit} slots in use, ${runners.booting} runners booting, ${pending} calls waiting`;

/** Delay after which an overloaded pool may accept a call, in milliseconds. */
const retryAfterMs = (expectedWaitMs: number | undefined): number =>
  Math.min(10_000, Math.max(50, Math.ceil(expectedWaitMs ?? 100)));

/** The error of a call that the pool rejects. */
export const refusal = (pool: string, method: string, situation: Situation, command: Refusal): CallError => {
  const where = { method, pool, phase: "acquire", executed: "no" } as const;
  switch (command.why) {
    case "closed":
      return new InvokeError("unavailable", `${method}: pool "${pool}" is shut down.`, {
        ...where,
        retryable: false,
      });
    case "no_runner":
      return new ConfigError(
        `${method}: pool "${pool}" has no runners. Set its backend or runners, or set runnerUrl.`,
        where,
      );
    case "queue_full":
      return new InvokeError(
        "overloaded",
        `${method}: the queue of pool "${pool}" is full (${describe(situation)}). The handler did not run. ` +
          adviceFor(situation, "maxQueue"),
        { ...where, retryAfterMs: retryAfterMs(command.expectedWaitMs) },
      );
    case "deadline_unreachable":
      return new InvokeError(
        "overloaded",
        `${method}: a slot in pool "${pool}" is expected in ${Math.round(command.expectedWaitMs ?? 0)} ms, long after the call's deadline ` +
          `(${describe(situation)}). The handler did not run. ${adviceFor(situation, "the call's timeoutMs")}`,
        { ...where, retryAfterMs: retryAfterMs(command.expectedWaitMs) },
      );
    case "boot_failed": {
      const cause = messageOf(command.error);
      return new InvokeError("no_runner", `${method}: no runner of pool "${pool}" could be started: ${cause}`, {
        ...where,
        cause: command.error,
      });
    }
  }
};

/** The error of a call whose deadline passed while it waited. */
export const acquireTimeout = (pool: string, method: string, situation: Situation, waitedMs: number): CallError => {
  return new InvokeError(
    "timeout",
    `${method}: timed out after waiting ${Math.round(waitedMs)} ms for a slot in pool "${pool}" (${describe(situation)}). ` +
      `The handler did not run. ${adviceFor(situation, "the call's timeoutMs")}`,
    { method, pool, phase: "acquire", executed: "no", elapsedMs: waitedMs },
  );
};

/** The error of a call that waited longer than `maxQueueWaitMs`. */
export const queueWaitExceeded = (pool: string, method: string, situation: Situation, waitedMs: number): CallError =>
  new InvokeError(
    "overloaded",
    `${method}: no slot in pool "${pool}" within its maxQueueWaitMs, after ${Math.round(waitedMs)} ms (${describe(situation)}). ` +
      `The handler did not run. ${adviceFor(situation, "maxQueueWaitMs")}`,
    { method, pool, phase: "acquire", executed: "no", elapsedMs: waitedMs, retryAfterMs: retryAfterMs(undefined) },
  );
