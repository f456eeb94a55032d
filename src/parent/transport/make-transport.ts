/** Makes the HTTP client of this runtime: undici on Node, plain sockets on Bun, where undici is a stub. */
import { loadPackage } from "../../contract/process/load-package.ts";
import type { ResolvedConnection } from "../../contract/config/resolve-connection.ts";
import { checkCertificates } from "./connector.ts";
import type { HttpTransport, HttpOutcome } from "./transport.ts";
import { makeSocketTransport } from "./socket.ts";
import { lateTransport } from "./late-transport.ts";
import { inNoContext } from "../../telemetry/no-context.ts";
import { unobserved } from "../../telemetry/unobserved.ts";

/**
 * Hides the requests and connections of a transport from APM agents: the only span of a hop is Firelight's. `done` runs
 * outside of the hidden context.
 */
export const unobservedTransport = (transport: HttpTransport): HttpTransport => ({
  send: (request, done) => unobserved(transport.send, request, (outcome: HttpOutcome) => inNoContext(done, outcome)),
  forget: (url) => unobserved(transport.forget, url),
  close: () => unobserved(transport.close),
});

/** Loads undici, which a process without remote calls does not need. */
const loadUndici = async (connection: ResolvedConnection): Promise<HttpTransport> => {
  const { makeUndiciTransport } = await loadPackage("undici", "No request can be sent", () => import("./undici.ts"));
  return makeUndiciTransport(connection);
};

/**
 * Makes a transport for the runners of a pool.
 *
 * @throws {ConfigError} for invalid certificates or keys.
 */
export const makeTransport = (connection: ResolvedConnection): HttpTransport => {
  checkCertificates(connection);
  return unobservedTransport(
    "Bun" in globalThis ? makeSocketTransport(connection) : lateTransport(() => loadUndici(connection)),
  );
};
