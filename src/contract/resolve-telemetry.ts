/** Checks `telemetry` and fills it in. */
import { ConfigError } from "./errors.ts";
import type { MetricsRegistry, TelemetryOptions } from "./options.ts";

/** `telemetry` with its defaults. */
export interface ResolvedTelemetry {
  readonly metrics: boolean | MetricsRegistry;
  readonly baggageKeys: ReadonlyArray<string>;
  readonly traces: boolean;
  /** `undefined` when metrics name every method. */
  readonly methods: ReadonlyArray<string> | undefined;
  /** `undefined` for those of the catalogue. */
  readonly buckets: ReadonlyArray<number> | undefined;
}

const isMethodPattern = (value: unknown): boolean => typeof value === "string" && /^[^/*]+\/([^/*]+|\*)$/.test(value);

const checkMethods = (methods: ReadonlyArray<string> | undefined): ReadonlyArray<string> | undefined => {
  if (methods === undefined) return undefined;
  const wrong = Array.isArray(methods) ? methods.find((value) => !isMethodPattern(value)) : methods;
  if (Array.isArray(methods) && wrong === undefined) return methods;
  throw new ConfigError(
    `telemetry.methods ${Array.isArray(methods) ? "has" : "is"} ${JSON.stringify(wrong)}. Use a list of "service/method" and "service/*".`,
  );
};

const checkBuckets = (buckets: ReadonlyArray<number> | undefined): ReadonlyArray<number> | undefined => {
  if (buckets === undefined) return undefined;
  const rises = (bound: unknown, index: number): boolean =>
    typeof bound === "number" && Number.isFinite(bound) && bound > (index === 0 ? 0 : buckets[index - 1]!);
  if (Array.isArray(buckets) && buckets.every(rises)) return buckets;
  throw new ConfigError(
    `telemetry.buckets is ${JSON.stringify(buckets)}. Use a list of seconds above 0, each greater than the one before, such as [0.1, 1, 10].`,
  );
};

/** @throws {ConfigError} naming the field. */
export const resolveTelemetry = (telemetry: TelemetryOptions = {}): ResolvedTelemetry => ({
  metrics: telemetry.metrics ?? true,
  baggageKeys: telemetry.baggageKeys ?? [],
  traces: telemetry.traces ?? true,
  methods: checkMethods(telemetry.methods),
  buckets: checkBuckets(telemetry.buckets),
});
