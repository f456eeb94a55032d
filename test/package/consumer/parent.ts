import { flame } from "firelight";
import { Billing } from "./services.ts";

console.log(JSON.stringify(await Billing.charge.with({ timeoutMs: 10_000 })({ amount: 50 })));
await flame.shutdown();
