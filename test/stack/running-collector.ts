/** The collector that the global setup of the stack tests has found or built. */
import { inject } from "vitest";
import * as harness from "../harness/collector.ts";

const found = inject("collector");

/** Whether a collector is available. */
export const haveCollector = "binary" in found;

const binary = "binary" in found ? found.binary : "";

/** Validates configurations with the collector, each merged over the previous one. Throws its output if it rejects them. */
export const validate = (names: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}): void =>
  harness.validateConfigs(binary, names, env);

/** Starts a collector with short intervals and, unless `env` changes it, a base sampling percentage of 0. */
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
