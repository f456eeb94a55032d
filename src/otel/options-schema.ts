/** The checks of the options of `startOpenTelemetry`. */
import { longestTimerMs, milliseconds, quantity } from "../contract/check-number.ts";
import { boolean, either, oneOf, record, text } from "../contract/option-checks.ts";
import { type Check, check, notAllowed, object, readOption } from "../contract/option-schema.ts";
import type { OpenTelemetryOptions } from "./index.ts";

type MetricsSource = NonNullable<OpenTelemetryOptions["metrics"]>;
type Instrumentations = NonNullable<OpenTelemetryOptions["instrumentations"]>;

const string = text({ allowed: "a string", pattern: /^/ });

const endpoint: Check<string> = check('an http:// or https:// address such as "http://127.0.0.1:4318"', (value) => {
  if (typeof value === "string" && /^https?:$/.test(URL.parse(value)?.protocol ?? "")) return value;
  throw notAllowed(value, 'an http:// or https:// address such as "http://127.0.0.1:4318"');
});

const isRegistry = (value: unknown): boolean =>
  typeof (value as { readonly getMetricsAsJSON?: unknown } | null | undefined)?.getMetricsAsJSON === "function";

const metrics: Check<MetricsSource> = check("a registry of prom-client, or { registry }", (value) => {
  const inside = (value as { readonly registry?: unknown } | null)?.registry;
  if (isRegistry(value) || isRegistry(inside)) return value as MetricsSource;
  throw notAllowed(
    value,
    "a registry of prom-client or @prometheus-io/client, or something that has one as its registry",
  );
});

const isInstrumentation = (value: unknown): boolean =>
  typeof value === "object" && value !== null && typeof (value as { readonly enable?: unknown }).enable === "function";

const instrumentations: Check<Instrumentations> = check("an array of instrumentations", (value) => {
  if (Array.isArray(value) && value.flat().every(isInstrumentation)) return value as Instrumentations;
  throw notAllowed(value, "an array of instrumentations, such as [getNodeAutoInstrumentations()]");
});

const schema = object<OpenTelemetryOptions>({
  serviceName: text(),
  endpoint,
  headers: record(text({ allowed: "a string", pattern: /^/, secret: true }), { secret: true }),
  protocol: oneOf(["http/protobuf", "http/json"]),
  metrics,
  metricsIntervalMs: milliseconds({ min: 1, max: longestTimerMs }),
  attributes: record(either(string, either(quantity("a number", {}), boolean()))),
  instrumentations,
  flushTimeoutMs: milliseconds({ min: 0, max: longestTimerMs }),
});

/**
 * A checked copy of the options.
 *
 * @throws {ConfigError} naming the option, its value and how to fix it.
 */
export const readOpenTelemetryOptions = (options: OpenTelemetryOptions): OpenTelemetryOptions =>
  readOption(schema, options, "startOpenTelemetry");
