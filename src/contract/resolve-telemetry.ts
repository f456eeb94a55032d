/** Fills in the defaults of `telemetry`. */
import type { MetricsRegistry, TelemetryOptions } from "./options.ts";

/** `telemetry` with its defaults. */
export interface ResolvedTelemetry {
  readonly metrics: boolean | MetricsRegistry;
  readonly baggageKeys: ReadonlyArray<string>;
  readonly traces: boolean;
  /** `undefined` when metrics name every method. */
  readonly methods: ReadonlyArray<string> | undefined;
  /** `undefined` for those of the catalog. */
  readonly buckets: ReadonlyArray<number> | undefined;
}

/** Fills in what was checked. */
export const resolveTelemetry = (telemetry: TelemetryOptions = {}): ResolvedTelemetry => ({
  metrics: telemetry.metrics ?? true,
  baggageKeys: telemetry.baggageKeys ?? [],
  traces: telemetry.traces ?? true,
  methods: telemetry.methods,
  buckets: telemetry.buckets,
});
