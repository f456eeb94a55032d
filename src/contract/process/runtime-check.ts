/**
 * Stops the import of the package on a runtime that is too old for it. Every entry point imports this module first, so
 * that it speaks before a dependency fails on what the runtime does not have. It imports nothing that could.
 */
import { runtimeFault } from "./runtime-fault.ts";

/** Somewhere else than on a server, where types and names are still of use, there is nothing to check. */
const versions = typeof process === "object" ? process.versions : undefined;
const fault = versions && runtimeFault(versions, process.execPath);
if (fault !== undefined) throw new Error(fault);
