/** Merges a configuration over an earlier one. */
import type { FlameConfig } from "./options.ts";

/** Neither may have a field that is `undefined`, which holds for those that were checked. */
export const mergeConfig = (earlier: FlameConfig, later: FlameConfig): FlameConfig => ({
  ...earlier,
  ...later,
  ...(earlier.pools || later.pools ? { pools: { ...earlier.pools, ...later.pools } } : {}),
  ...(earlier.security || later.security ? { security: { ...earlier.security, ...later.security } } : {}),
  ...(earlier.telemetry || later.telemetry ? { telemetry: { ...earlier.telemetry, ...later.telemetry } } : {}),
});
