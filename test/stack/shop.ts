/** A real parent with real runners, which make calls of every fate and tell a collector of them. */
import { join } from "node:path";
import { startProcess } from "../harness/start-process.ts";
import type { Ledger } from "./fixtures/parent.ts";

/** Runs the parent to its end and returns what it says of itself. SDKs send often, so that tests need not wait. */
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
  if (code !== 0 || line === undefined) throw new Error(`The parent ended with ${code} and said:\n${parent.output()}`);
  return JSON.parse(line) as Ledger;
};
