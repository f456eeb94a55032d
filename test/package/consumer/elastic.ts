import { flame } from "firelight";
import { processBackend } from "firelight/backends/process";
import { Billing } from "./services.ts";

await flame.configure({ backend: processBackend({ entry: new URL("./runner.ts", import.meta.url), logs: "ignore" }) });
const { by } = await Billing.charge({ amount: 1 });
console.log(process.pid, by);
await flame.shutdown();
