/** A runner. Its traces go where the `OTEL_*` variables say, and are sent before it ends. */
import { flame } from "firelight";
import { startOpenTelemetry } from "firelight/otel";
import sharp from "sharp";
import "./services.ts";

startOpenTelemetry();
sharp.concurrency(1);

const server = flame.createRunnerServer();
await server.ready;
