/** Checks the options of `startOpenTelemetry`. */
import type { MeterProvider, TracerProvider } from "@opentelemetry/api";
import { quantity } from "../contract/validation/check-number.ts";
import { boolean, either, record, text } from "../contract/validation/option-checks.ts";
import { type Check, check, notAllowed } from "../contract/validation/option-schema.ts";
import type { ReadableRegistry } from "./metrics.ts";

type MetricsSource = ReadableRegistry | { readonly registry: unknown };
/** The methods of an instrumentation that `startOpenTelemetry` uses. Those of all OpenTelemetry versions fit. */
export interface Instrumentation {
  /**
   * Sets where spans go.
   *
   * @param provider the provider
   */
  setTracerProvider(provider: TracerProvider): void;
  /**
   * Sets where metrics go.
   *
   * @param provider the provider
   */
  setMeterProvider(provider: MeterProvider): void;
  /**
   * Sets where log records go.
   *
   * @param provider the provider
   */
  setLoggerProvider?(provider: never): void;
  /** Its configuration. */
  getConfig?(): {
    /** Whether it is enabled already. */
    readonly enabled?: boolean;
  };
  /** Starts it. */
  enable(): void;
}

type Instrumentations = ReadonlyArray<Instrumentation | ReadonlyArray<Instrumentation>>;

const string = text({ allowed: "a string", pattern: /^/ });

/** The address of the receiver. */
export const endpoint: Check<string> = check(
  'an http:// or https:// address such as "http://127.0.0.1:4318"',
  (value) => {
    if (typeof value === "string" && /^https?:$/.test(URL.parse(value)?.protocol ?? "")) return value;
    throw notAllowed(value, 'an http:// or https:// address such as "http://127.0.0.1:4318"');
  },
);

const isRegistry = (value: unknown): boolean =>
  typeof (value as { readonly getMetricsAsJSON?: unknown } | null | undefined)?.getMetricsAsJSON === "function";

/** The source of the pushed metrics. */
export const metricsSource: Check<MetricsSource> = check("a registry of prom-client, or { registry }", (value) => {
  const inside = (value as { readonly registry?: unknown } | null)?.registry;
  if (isRegistry(value) || isRegistry(inside)) return value as MetricsSource;
  throw notAllowed(
    value,
    "a registry of prom-client or @prometheus-io/client, or something that has one as its registry",
  );
});

const isInstrumentation = (value: unknown): boolean =>
  typeof value === "object" && value !== null && typeof (value as { readonly enable?: unknown }).enable === "function";

/** Instrumentations; nested lists are allowed. */
export const instrumentations: Check<Instrumentations> = check("an array of instrumentations", (value) => {
  if (Array.isArray(value) && value.flat().every(isInstrumentation)) return value as Instrumentations;
  throw notAllowed(value, "an array of instrumentations, such as [getNodeAutoInstrumentations()]");
});

/** Headers of exports, which may contain API keys. */
export const headers = record(text({ allowed: "a string", pattern: /^/, secret: true }), { secret: true });

/** Attributes of the resource. */
export const attributes = record(either(string, either(quantity("a number", {}), boolean())));
