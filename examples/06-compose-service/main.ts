/**
 * The composed service without containers: the shop, runners that it starts itself, and the load, on this machine,
 * until Ctrl-C or for as many seconds as are named.
 *
 *   npm run example:observed [-- 30]
 */
import { setTimeout as sleep } from "node:timers/promises";
import { many, printFindings } from "../shared/findings.ts";
import { Scrape } from "../shared/prometheus-text.ts";
import { heading, print } from "../shared/terminal.ts";
import { startLoad } from "./load.ts";
import { startShop } from "./shop.ts";

const seconds = Number(process.argv[2] ?? Infinity);
const port = (name: string, fallback: number): number => Number(process.env[name] ?? fallback);

const shop = await startShop({ port: port("SHOP_PORT", 9464), hostname: "127.0.0.1" });
const load = await startLoad({
  shopUrl: shop.url,
  plan: process.env["PLAN"],
  port: port("LOAD_PORT", 9465),
  hostname: "127.0.0.1",
});

heading("A shop under load");
print(`its metrics     ${shop.url}/metrics`);
print(
  `its telemetry   goes to ${process.env["OTEL_EXPORTER_OTLP_ENDPOINT"] ?? "http://localhost:4318"}, if a collector is there`,
);
print(`switch faults   curl -X PUT ${load.url}/plan -d '{"slow": 0.2, "crashes": 0.02, "callsPerSecond": 40}'`);
print(Number.isFinite(seconds) ? `it ends         in ${many(seconds, "second")}` : "it ends         with Ctrl-C");

const stopped = new AbortController();
process.once("SIGINT", () => stopped.abort());
await sleep(Number.isFinite(seconds) ? seconds * 1000 : 2 ** 31 - 1, undefined, { signal: stopped.signal }).catch(
  () => undefined,
);

await load[Symbol.asyncDispose]();
const outcomes = load.outcomes();
const text = await (await fetch(`${shop.url}/metrics`)).text();
const scrape = new Scrape(text);
await shop[Symbol.asyncDispose]();

const requests = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
const calls = scrape.sum("rpc_client_call_duration_seconds_count");
const attempts = scrape.sum("flame_client_attempt_duration_seconds_count");
const reports = scrape.sum("rpc_client_call_duration_seconds_count", { rpc_method: "reports/build" });
const exemplars = text.match(/# \{trace_id="/g)?.length ?? 0;

heading("What it came to");
const asExpected = printFindings([
  [
    requests > 0,
    "requests",
    `${requests} = ${Object.entries(outcomes)
      .map(([status, count]) => `${count} × ${status}`)
      .join(" + ")}`,
  ],
  [
    calls >= requests,
    "calls",
    `${calls} by the metrics, with ${many(attempts, "attempt")}, ${many(reports, "report")} among them`,
  ],
  [exemplars > 0, "exemplars", `${exemplars} buckets lead to a trace`],
]);
if (!asExpected) process.exitCode = 1;
