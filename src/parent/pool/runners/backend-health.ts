/** Asks a backend for the health of a runner: whatever it does, there is an answer, or the runner is asked in its place. */
import type { Backend, RunnerHandle } from "../../../contract/config/backend.ts";
import { returnedText, thrownText } from "../../../contract/user-function.ts";
import type { PoolHooks } from "../hooks.ts";
import type { Health } from "./probe.ts";
import { late, toPromise, within } from "../to-promise.ts";

/** Milliseconds that a backend's `healthCheck` may take. */
const timeoutMs = 5_000;

/** What the backend says; `undefined` where it says nothing that can be used. */
export const askBackend = async (
  backend: Backend,
  handle: RunnerHandle,
  hooks: PoolHooks,
): Promise<Health | undefined> => {
  const failed = (fault: string, error?: unknown): undefined => {
    hooks.misbehaved("backend.healthCheck", fault, "the runner itself is asked in its place", error);
  };
  try {
    const healthy: unknown = await within(
      timeoutMs,
      toPromise(() => backend.healthCheck!(handle)),
    );
    if (typeof healthy === "boolean") return { healthy };
    if (healthy === late) return failed(`gave no answer within ${timeoutMs} ms`);
    return failed(`gave ${returnedText(healthy)}, not true or false`);
  } catch (error) {
    return failed(`failed with ${thrownText(error)}`, error);
  }
};
