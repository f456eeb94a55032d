/**
 * Firelight: a parent with one runner at a fixed address. With telemetry on, every span is sampled and metrics are
 * kept; without an SDK, metrics are kept; with telemetry off, neither.
 */
import { createFlame, type FlameConfig, type Transport } from "../../dist/index.js";
import { defaults } from "../../dist/contract/config/options.js";
import type { Contestant, Settings } from "../harness/contestant.ts";
import { accept, type Order, order, type Rich, rich } from "../harness/payloads.ts";
import { startTracing } from "../harness/sdk.ts";

/** Whether this build of Firelight has a choice of transports. */
export const hasTransports = "transport" in defaults;

/** Calls at once on the runner, so that no call of these benchmarks waits for a slot. */
const maxConcurrency = 256;

const security = { secret: "the secret of this benchmark" };

let spans: (() => Promise<number>) | undefined;

const common = ({ telemetry }: Settings): FlameConfig => {
  if (telemetry === "on") spans = startTracing().spans;
  return { security, ...(telemetry === "off" && { telemetry: { metrics: false, traces: false } }) };
};

const make = (config: FlameConfig) => {
  const flame = createFlame(config);
  const bench = flame.service("bench", {
    accept: async (order: Order) => accept(order),
    echo: async (value: Rich) => value,
  });
  return { flame, bench };
};

export const contestant: Contestant = {
  serve: async (settings) => {
    const { flame } = make({ ...common(settings), mode: "runner" });
    const server = flame.createRunnerServer({ port: 0, hostname: "127.0.0.1" });
    await server.ready;
    return server.url;
  },
  connect: async (url, settings) => {
    const transport =
      hasTransports && settings.transport !== undefined ? { transport: settings.transport as Transport } : {};
    const pool = { runners: [{ url }], maxConcurrency, ...transport };
    const { bench } = make({ ...common(settings), mode: "parent", pools: { default: pool } });
    return { call: () => bench.accept(order), rich: () => bench.echo(rich) };
  },
  spans: async () => (await spans?.()) ?? 0,
};
