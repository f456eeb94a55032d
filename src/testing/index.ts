/** What helps to test code around Firelight, with any test runner. */
import "../contract/process/runtime-check.ts";

export { idempotencyStoreConformance } from "./idempotency-store.ts";
export type { StoreCheck } from "./idempotency-store.ts";
export { backendConformance } from "./backend-conformance.ts";
export type { BackendConformanceOptions, ConformanceCheck } from "./backend-conformance.ts";
