/** The HTTP client of this runtime: undici on Node, sockets of our own on Bun, where undici is a stub. */
import { loadPackage } from "../../contract/process/load-package.ts";
import type { ResolvedConnection } from "../../contract/config/resolve-connection.ts";
import { checkCertificates } from "./connector.ts";
import type { HttpTransport } from "./transport.ts";
import { makeSocketTransport } from "./socket.ts";
import { lateTransport } from "./late-transport.ts";
import { unobservedTransport } from "./unobserved-transport.ts";

/** Loads undici, which a process without a call over the wire does without. */
const loadUndici = async (connection: ResolvedConnection): Promise<HttpTransport> => {
  const { makeUndiciTransport } = await loadPackage(
    "undici",
    "No request can be sent",
    () => import("./undici.ts"),
  );
  return makeUndiciTransport(connection);
};

/**
 * Makes a transport for the runners of a pool.
 *
 * @throws {ConfigError} for certificates or keys that cannot be used.
 */
export const makeTransport = (connection: ResolvedConnection): HttpTransport => {
  checkCertificates(connection);
  return unobservedTransport(
    "Bun" in globalThis ? makeSocketTransport(connection) : lateTransport(() => loadUndici(connection)),
  );
};
