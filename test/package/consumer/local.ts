import { flame } from "firelight";
import { Billing } from "./services.ts";

await flame.configure({ mode: "local" });
const { charged } = await Billing.charge({ amount: 50 });
const sum: number = await Billing.add(2, 3);
const scrape = await flame.metrics();
console.log(
  JSON.stringify({ charged }),
  sum,
  scrape.includes("rpc_client_call_duration_seconds") ? "metrics" : "no metrics",
);
await flame.shutdown();
