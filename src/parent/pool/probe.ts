/** Finds out whether a runner that failed a connection is still there. */

const probeTimeoutMs = 1_000;

/** Milliseconds until the next probe: at once first, then 100 ms doubling up to 5 s. */
export const probeDelayMs = (afterFailures: number): number =>
  afterFailures === 0 ? 0 : Math.min(5_000, 100 * 2 ** (afterFailures - 1));

/** Whether the runner at this address says that it accepts work, within a second. */
export const probeRunner = async (url: string): Promise<boolean> => {
  const response = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(probeTimeoutMs) });
  await response.body?.cancel();
  return response.ok;
};
