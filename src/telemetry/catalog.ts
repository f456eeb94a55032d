/**
 * The catalog of all spans, metrics, attributes and log events. Instruments, documentation, dashboards and tests are
 * generated from it.
 *
 * @module
 */
import "../contract/runtime-check.ts";

export * from "./catalog/attributes.ts";
export * from "./catalog/logs.ts";
export * from "./catalog/metrics.ts";
export * from "./catalog/phases.ts";
export * from "./catalog/spans.ts";
