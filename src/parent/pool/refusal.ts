/** The errors of calls that get no lease: what was asked of which pool, and what to do. */
import type { CallError } from "../../contract/errors.ts";
import { ConfigError, InvokeError } from "../../contract/errors.ts";
import type { PoolSnapshot } from "../../telemetry/telemetry.ts";
import type { PoolCommand } from "./events.ts";

/** The error of a call that the pool refuses. */
export const refusal = (pool: string, method: string, command: Extract<PoolCommand, { _tag: "Refuse" }>): CallError => {
  const where = { method, pool, phase: "acquire", executed: "no" } as const;
  switch (command.why) {
    case "closed":
      return new InvokeError("unavailable", `${method}: the pool "${pool}" is shut down.`, { ...where, retryable: false });
    case "no_runner":
      return new ConfigError(`${method}: the pool "${pool}" has no runners. Give it a backend or runners, or set runnerUrl.`, where);
    case "boot_failed": {
      const cause = command.error instanceof Error ? command.error.message : String(command.error);
      return new InvokeError("no_runner", `${method}: no runner of the pool "${pool}" could be started: ${cause}`, {
        ...where,
        cause: command.error,
      });
    }
  }
};

/** The error of a call whose deadline came while it waited. */
export const acquireTimeout = (pool: string, method: string, snapshot: PoolSnapshot, waitedMs: number): CallError => {
  const { runners, slotsUsed, slotsLimit, pending } = snapshot;
  const state = `${slotsUsed} of ${slotsLimit} slots in use, ${runners.booting} runners booting, ${pending} calls waiting`;
  return new InvokeError(
    "timeout",
    `${method}: no slot in the pool "${pool}" within ${Math.round(waitedMs)} ms (${state}). ` +
      "The handler did not run. Raise the pool's max or maxConcurrency, or the call's timeoutMs.",
    { method, pool, phase: "acquire", executed: "no", elapsedMs: waitedMs },
  );
};
