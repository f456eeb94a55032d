/**
 * Fails the import of the package on an unsupported runtime. Every entry point imports this module first, so its
 * message appears before a dependency fails. It imports nothing that could fail.
 */
import { runtimeFault } from "./runtime-fault.ts";

/** Outside of a server, where types and names are still useful, there is nothing to check. */
const versions = typeof process === "object" ? process.versions : undefined;
const fault = versions && runtimeFault(versions, process.execPath);
if (fault !== undefined) throw new Error(fault);
