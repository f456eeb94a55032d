/** Checks whether a runner responds and accepts work. */
import { ask } from "../../transport/ask.ts";
import type { HttpTransport } from "../../transport/transport.ts";
import type { Backend, RunnerHandle } from "../../../contract/config/backend.ts";
import { returnedText, thrownText } from "../../../contract/user-function.ts";
import type { PoolHooks } from "../hooks.ts";
import { late, toPromise, within } from "../to-promise.ts";

/** Timeout of a backend's `healthCheck`, in milliseconds. */
const timeoutMs = 5_000;

/**
 * The health of a runner by its backend; `undefined` if the backend gives no usable answer and the runner itself must
 * be probed.
 */
export const askBackend = async (
  backend: Backend,
  handle: RunnerHandle,
  hooks: PoolHooks,
): Promise<Health | undefined> => {
  const failed = (fault: string, error?: unknown): undefined => {
    hooks.misbehaved("backend.healthCheck", fault, "the runner itself is probed instead", error);
  };
  try {
    const healthy: unknown = await within(
      timeoutMs,
      toPromise(() => backend.healthCheck!(handle)),
    );
    if (typeof healthy === "boolean") return { healthy };
    if (healthy === late) return failed(`did not settle within ${timeoutMs} ms`);
    return failed(`returned ${returnedText(healthy)} instead of true or false`);
  } catch (error) {
    return failed(`failed with ${thrownText(error)}`, error);
  }
};

const probeTimeoutMs = 1_000;
const maxAnswerBytes = 65_536;

/** The result of a probe. */
export interface Health {
  readonly healthy: boolean;
  /** Resident memory of the runner process in bytes, if reported. */
  readonly rssBytes?: number;
}

/** The result for a runner that does not respond. */
export const unhealthy: Health = { healthy: false };

/** Delay before the next probe, in milliseconds: first none, then 100 ms, doubling up to 5 s. */
export const probeDelayMs = (afterFailures: number): number =>
  afterFailures === 0 ? 0 : Math.min(5_000, 100 * 2 ** (afterFailures - 1));

const parse = (body: Uint8Array): unknown => {
  try {
    return JSON.parse(Buffer.from(body).toString("utf8")) as unknown;
  } catch {
    return undefined;
  }
};

/**
 * Asks the runner at this address whether it accepts work, over the connections of its calls and with a timeout of one
 * second.
 */
export const probeRunner = async (transport: HttpTransport, url: string): Promise<Health> => {
  const { status, body } = await ask(
    transport,
    { url, path: "/ready", maxResponseBytes: maxAnswerBytes },
    probeTimeoutMs,
  );
  const said = parse(body);
  const rssBytes = typeof said === "object" && said !== null && "rssBytes" in said ? said.rssBytes : undefined;
  const healthy = status >= 200 && status < 300;
  return { healthy, ...(typeof rssBytes === "number" ? { rssBytes } : {}) };
};
