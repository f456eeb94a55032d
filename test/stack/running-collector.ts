/** The collector that the global set-up of the stack's tests found or built. */
import { inject } from "vitest";
import * as harness from "../harness/collector.ts";

const found = inject("collector");

/** Whether there is a collector to test with. */
export const haveCollector = "binary" in found;

const binary = "binary" in found ? found.binary : "";

/** Has the collector check configurations, each merged over the one before; throws its output when it rejects them. */
export const validate = (names: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}): void =>
  harness.validateConfigs(binary, names, env);

/** Starts a collector with short intervals, which keeps only slow and failed traces unless `env` says otherwise. */
export const startCollector = (
  configs: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {},
): Promise<harness.RunningCollector> =>
  harness.startCollector({
    binary,
    configs,
    env: {
      FIRELIGHT_BATCH_FLUSH: "100ms",
      FIRELIGHT_METRICS_FLUSH: "500ms",
      FIRELIGHT_DECISION_WAIT: "20s",
      FIRELIGHT_DECISION_WAIT_AFTER_ROOT: "2s",
      FIRELIGHT_SLOW_MS: "2000",
      FIRELIGHT_SAMPLE_PERCENT: "0",
      ...env,
    },
  });
