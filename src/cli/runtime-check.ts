/** Exits with a message on an unsupported runtime, before anything else is loaded. */
import { runtimeFault } from "../contract/process/runtime-fault.ts";
import { exitCodes } from "./command.ts";

const fault = runtimeFault(process.versions, process.execPath);
if (fault !== undefined) {
  console.error(`firelight: ${fault}`);
  process.exit(exitCodes.failure);
}
