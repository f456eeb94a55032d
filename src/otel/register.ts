/**
 * Starts OpenTelemetry from the `OTEL_*` variables, before anything else is loaded:
 * `node --import firelight/otel/register app.js` or `bun --preload firelight/otel/register app.ts`.
 *
 * @module
 */
import "../contract/process/runtime-check.ts";
import { startOpenTelemetry } from "./index.ts";

startOpenTelemetry();
