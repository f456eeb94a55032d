/** The same call without a runner: in local mode, handlers run in this process. For tests and for development. */
import { flame } from "firelight";
import { Billing } from "./services.ts";

await flame.configure({ mode: "local" });
const { charged, pid } = await Billing.charge({ customer: "ada", amount: 50 });
console.log(`local ${process.pid}: process ${pid} charged ${charged}`);
await flame.shutdown();
