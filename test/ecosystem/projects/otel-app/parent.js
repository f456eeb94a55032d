/** A parent that starts a runner, calls it once within its own span, and exports its telemetry. */
import { trace } from "@opentelemetry/api";
import { flame } from "firelight";
import { processBackend } from "firelight/backends/process";
import { startOpenTelemetry } from "firelight/otel";
import { Registry } from "prom-client";
import { Work } from "./services.js";

const registry = new Registry();
const otel = startOpenTelemetry({ serviceName: "parent", metrics: registry });
await flame.configure({
  mode: "parent",
  logger: otel.logger,
  telemetry: { metrics: registry },
  pools: { default: { max: 1 } },
  backend: processBackend({ entry: new URL("./runner.js", import.meta.url), logs: "inherit" }),
});
await trace.getTracer("app").startActiveSpan("app", async (span) => {
  console.log("doubled:", await Work.double(21));
  span.end();
});
await flame.shutdown();
await otel.shutdown();
