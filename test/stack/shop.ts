/** Runs a real parent with real runners that makes calls with every outcome and exports their telemetry. */
import { join } from "node:path";
import { startProcess } from "../harness/start-process.ts";
import type { Ledger } from "./fixtures/parent.ts";

/** Runs the parent until it exits, and returns the ledger that it prints. SDKs export at short intervals. */
export const runShop = async (
  otlpUrl: string,
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<Ledger> => {
  await using parent = await startProcess({
    command: [process.execPath, join(import.meta.dirname, "fixtures/parent.ts")],
    env: {
      OTEL_SERVICE_NAME: "shop",
      OTEL_EXPORTER_OTLP_ENDPOINT: otlpUrl,
      OTEL_BSP_SCHEDULE_DELAY: "200",
      OTEL_BLRP_SCHEDULE_DELAY: "200",
      OTEL_METRIC_EXPORT_INTERVAL: "500",
      ...env,
    },
  });
  const { code } = await parent.exited;
  const [line] = /^\{"traces".*$/m.exec(parent.output()) ?? [];
  if (code !== 0 || line === undefined)
    throw new Error(`The parent exited with ${code} and printed:\n${parent.output()}`);
  return JSON.parse(line) as Ledger;
};
