/** The HTTP client of this runtime: undici on Node, sockets of our own on Bun, where undici is a stub. */
import type { ResolvedConnection } from "../contract/resolve-connection.ts";
import { checkCertificates } from "./connector.ts";
import type { HttpTransport } from "./transport.ts";
import { makeSocketTransport } from "./transport-socket.ts";
import { makeUndiciTransport } from "./transport-undici.ts";
import { unobservedTransport } from "./unobserved-transport.ts";

/**
 * Makes a transport for the runners of a pool.
 *
 * @throws {ConfigError} for certificates or keys that cannot be used.
 */
export const makeTransport = (connection: ResolvedConnection): HttpTransport => {
  checkCertificates(connection);
  return unobservedTransport("Bun" in globalThis ? makeSocketTransport(connection) : makeUndiciTransport(connection));
};
