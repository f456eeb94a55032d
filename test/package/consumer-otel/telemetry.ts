import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { flame } from "firelight";
import { startOpenTelemetry } from "firelight/otel";
import { Billing } from "./services.ts";

const received = new Set<string>();
const collector = createServer((request, response) => {
  received.add(request.url ?? "");
  request.resume().on("end", () => response.end());
}).listen(0, "127.0.0.1");
await once(collector, "listening");

const { port } = collector.address() as AddressInfo;
const otel = startOpenTelemetry({ serviceName: "consumer", endpoint: `http://127.0.0.1:${port}` });
await flame.configure({ mode: "local" });
await Billing.charge({ amount: 50 });
await flame.shutdown();
await otel.shutdown();
collector.close();
collector.closeAllConnections();
console.log([...received].join(" "));
