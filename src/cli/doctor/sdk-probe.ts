/**
 * Runs in a separate process started by `check-sdk.ts`. Starts OpenTelemetry as `firelight/otel` does, and creates a
 * span and a log record with the API that the project's code imports. Prints the result as JSON.
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import type * as Api from "@opentelemetry/api";
import { startOpenTelemetry } from "../../otel/index.ts";

const [endpoint, project, name] = process.argv.slice(2) as [string, string, string];

const report = (result: Readonly<Record<string, unknown>>): void =>
  void process.stdout.write(`${JSON.stringify(result)}\n`);

/** Returns the project's copy of the API, as its code imports it; otherwise Firelight's. */
const projectApi = async (): Promise<typeof Api> => {
  try {
    return createRequire(join(project, "package.json"))("@opentelemetry/api") as typeof Api;
  } catch {
    return import("@opentelemetry/api");
  }
};

try {
  const otel = startOpenTelemetry({ endpoint, protocol: "http/protobuf", serviceName: name, flushTimeoutMs: 5_000 });
  const { trace } = await projectApi();
  const span = trace.getTracer("firelight").startSpan(name);
  const isRecording = span.isRecording();
  span.end();
  otel.logger.info(name);
  await otel.shutdown();
  report({ isRecording });
} catch (error) {
  report({ problem: error instanceof Error ? error.message : String(error) });
}
