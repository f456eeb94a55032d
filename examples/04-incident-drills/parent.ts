/**
 * The parent process of one drill: a service that makes calls, serves its metrics, and breaks and heals on request.
 *
 *   node parent.ts <drill>, started by main.ts
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { flame } from "firelight";
import { processBackend } from "firelight/backends/process";
import { startOpenTelemetry } from "firelight/otel";
import { openRunLog } from "../shared/run-log.ts";
import { drills } from "./drills/drills.ts";
import type { Answer, Order } from "./program/messages.ts";
import type { Scene } from "./program/scene.ts";
import { supplierVariable } from "./program/services.ts";
import { startSupplier } from "./program/supplier.ts";
import { Crowd } from "./program/traffic.ts";

const [, , name, logFile] = process.argv;
const drill = drills.find((known) => known.name === name);
if (drill === undefined || logFile === undefined) throw new Error(`There is no drill ${name}.`);

const say = (answer: Answer): void => void process.send?.(answer);

const otel = startOpenTelemetry({ serviceName: drill.name });
const log = openRunLog(logFile);
const supplier = await startSupplier();
process.env[supplierVariable] = supplier.url;
const crowd = new Crowd();

const scene: Scene = {
  supplier,
  crowd,
  backend: processBackend({
    entry: new URL("./runner.ts", import.meta.url),
    env: { OTEL_SERVICE_NAME: `${drill.name}-runner`, OTEL_BSP_SCHEDULE_DELAY: "500" },
    onOutput: log.onOutput,
  }),
  configure: (pool, more, secret) =>
    flame.configure({
      mode: "parent",
      defaultPool: drill.name,
      pools: { [drill.name]: pool, ...more },
      ...(secret === undefined ? {} : { security: { secret } }),
      logger: log.logger,
    }),
  untilUp: async (runners) => {
    const pool = flame.pools[drill.name]!;
    const up = (): number => pool.stats().runners.idle + pool.stats().runners.busy;
    while (up() < runners) await sleep(20);
    return pool;
  },
};

const server = createServer(async (_request, response) => {
  response.writeHead(200, { "content-type": flame.metrics.contentType }).end(await flame.metrics());
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

const stop = async (): Promise<void> => {
  await crowd.leave();
  await flame.shutdown();
  await otel.shutdown().catch(() => undefined);
  server.closeAllConnections();
  server.close();
};

const incident = await drill.stage(scene);
const orders: Readonly<Record<Order, () => void | Promise<void>>> = {
  break: () => incident.break(),
  heal: () => incident.heal(),
  stop,
};

process.on("message", async (order: Order) => {
  try {
    await orders[order]();
    say({ done: order });
  } catch (error) {
    say({ done: "failed", reason: String(error) });
  }
  if (order === "stop") process.disconnect();
});
process.on("disconnect", () => process.exit());

say({ done: "ready", metricsUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics` });
