/** A runner. It tells its traces and logs where the `OTEL_*` variables say. */
import { flame } from "firelight";
import { startOpenTelemetry } from "firelight/otel";
import "./services.ts";

const otel = startOpenTelemetry();
await flame.configure({ logger: otel.logger });
const server = flame.createRunnerServer();
await server.ready;
