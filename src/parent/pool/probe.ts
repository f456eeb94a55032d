/** Finds out whether a runner is there and takes work. */

const probeTimeoutMs = 1_000;

/** What a probe found. */
export interface Health {
  readonly healthy: boolean;
  /** Resident memory of the runner's process, in bytes, where it said. */
  readonly rssBytes?: number;
}

/** What is found of a runner that does not answer. */
export const unhealthy: Health = { healthy: false };

/** Milliseconds until the next probe: at once first, then 100 ms doubling up to 5 s. */
export const probeDelayMs = (afterFailures: number): number =>
  afterFailures === 0 ? 0 : Math.min(5_000, 100 * 2 ** (afterFailures - 1));

/** Asks the runner at this address whether it accepts work; it has a second to say so. */
export const probeRunner = async (url: string): Promise<Health> => {
  const response = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(probeTimeoutMs) });
  const said: unknown = await response.json().catch(() => undefined);
  const rssBytes = typeof said === "object" && said !== null && "rssBytes" in said ? said.rssBytes : undefined;
  return { healthy: response.ok, ...(typeof rssBytes === "number" ? { rssBytes } : {}) };
};
