/** A parent: `RUNNER_URL` says where its runner is. The call looks like the call of any async function. */
import { flame } from "firelight";
import { Billing } from "./services.ts";

const { charged, pid } = await Billing.charge({ customer: "ada", amount: 50 });
console.log(`parent ${process.pid}: process ${pid} charged ${charged}`);
await flame.shutdown();
