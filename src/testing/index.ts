/** What helps to test code around Firelight, with any test runner. */
export { backendConformance } from "./backend-conformance.ts";
export type { BackendConformanceOptions, ConformanceCheck } from "./backend-conformance.ts";
