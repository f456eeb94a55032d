/** A runner that exports its telemetry. */
import { flame } from "firelight";
import { startOpenTelemetry } from "firelight/otel";
import "./services.js";

const otel = startOpenTelemetry({ serviceName: "runner" });
await flame.configure({ logger: otel.logger });
await flame.createRunnerServer().ready;
