/**
 * The parent: an HTTP service that has runners do its work, and serves its metrics.
 *
 *   POST /orders   { "item": "lamp", "fault": "slow" }   asks the pool "stock", twice
 *   POST /reports  { "month": "2026-11" }                 asks the pool "reports", which starts runners when asked
 *   GET  /metrics                                         what Prometheus scrapes
 */
import { trace } from "@opentelemetry/api";
import { flame, FlameError } from "firelight";
import { processBackend } from "firelight/backends/process";
import { startOpenTelemetry } from "firelight/otel";
import type { Fault } from "./faults.ts";
import { json, listen, readJson, type Answer, type Listening } from "./http.ts";
import { Reports, Stock } from "./services.ts";

export interface ShopOptions {
  /** Runners that are there already, as `id=url` pairs with commas; without them, the shop starts its own. */
  readonly runners?: string | undefined;
  readonly port: number;
  readonly hostname: string;
}

const runnersOf = (pairs: string): ReadonlyArray<{ id: string; url: string }> =>
  pairs.split(",").map((pair) => {
    const [id = "", url = ""] = pair.split("=");
    return { id, url };
  });

/** Each request is a span of its own, so that what a customer waited for is one trace. */
const serving = (name: string, work: () => Promise<unknown>): Promise<Answer> =>
  trace.getTracer("shop").startActiveSpan(name, async (span) => {
    try {
      return json(await work());
    } catch (error) {
      return json({ error: error instanceof FlameError ? error.code : "internal" }, 502);
    } finally {
      span.end();
    }
  });

/** Starts the shop; it ends, and its runners with it, when it is disposed of. */
export const startShop = async ({ runners, port, hostname }: ShopOptions): Promise<Listening> => {
  const otel = startOpenTelemetry({ serviceName: process.env["OTEL_SERVICE_NAME"] ?? "shop" });
  const backend = processBackend({
    entry: new URL("./runner.ts", import.meta.url),
    env: { OTEL_SERVICE_NAME: "shop-runner" },
  });
  await flame.configure({
    mode: "parent",
    logger: otel.logger,
    security: { secret: process.env["FLAME_SECRET"] },
    pools: {
      stock: runners === undefined ? { backend, min: 1, max: 3, maxConcurrency: 8 } : { runners: runnersOf(runners) },
      reports: { backend, min: 0, max: 2, idleShutdownMs: 20_000 },
    },
  });

  const server = await listen(
    {
      "GET /metrics": async () => ({ type: flame.metrics.contentType, body: await flame.metrics() }),
      "POST /orders": async (request) => {
        const { item = "lamp", fault } = (await readJson(request)) as { item?: string; fault?: Fault };
        return serving("POST /orders", async () => {
          const { cents } = await Stock.price(item);
          return { cents, ...(await Stock.reserve(item, fault)) };
        });
      },
      "POST /reports": async (request) => {
        const { month = "2026-11" } = (await readJson(request)) as { month?: string };
        return serving("POST /reports", () => Reports.build(month));
      },
    },
    port,
    hostname,
  );
  return {
    url: server.url,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await flame.shutdown();
      await otel.shutdown().catch(() => undefined);
    },
  };
};
