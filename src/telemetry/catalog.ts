/**
 * Every span, metric, attribute and log event of Firelight, once. Instruments,
 * spans, documentation, dashboards and tests are made from this page; a name
 * that is not here does not exist.
 */
import "../contract/process/runtime-check.ts";

export * from "./catalog/attributes.ts";
export * from "./catalog/logs.ts";
export * from "./catalog/metrics.ts";
export * from "./catalog/phases.ts";
export * from "./catalog/spans.ts";
