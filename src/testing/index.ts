/**
 * Conformance checks for your own backends and idempotency stores, for any test runner.
 *
 * @module
 */
import "../contract/process/runtime-check.ts";

export { idempotencyStoreConformance } from "./idempotency-store.ts";
export type { StoreCheck } from "./idempotency-store.ts";
export { backendConformance } from "./backend-conformance.ts";
export type { BackendConformanceOptions, ConformanceCheck } from "./backend-conformance.ts";
