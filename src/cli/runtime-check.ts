/** Ends the command with one sentence on a runtime that is too old, before it loads anything else. */
import { runtimeFault } from "../contract/process/runtime-fault.ts";
import { exitCodes } from "./command.ts";

const fault = runtimeFault(process.versions, process.execPath);
if (fault !== undefined) {
  console.error(`firelight: ${fault}`);
  process.exit(exitCodes.trouble);
}
