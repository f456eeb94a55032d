/**
 * Keeps a method of a server as it is. Agents wrap what hears requests: on the prototype (`http.Server.prototype.emit`),
 * on the instance, or in the options of `Bun.serve`. A runner's requests are invocations, heartbeats, looks and scrapes:
 * the first have a span of Firelight's already, and the others are nobody's trace.
 */
import { EventEmitter } from "node:events";
import type { Server } from "node:http";

/** Gives an object a method that an assignment leaves as it is. It must not throw: agents assign while a request comes in. */
export const keepMethod = <Name extends PropertyKey, Method>(
  owner: Partial<Record<Name, Method>>,
  name: Name,
  method: Method,
): void => {
  Object.defineProperty(owner, name, { configurable: true, enumerable: true, get: () => method, set: () => {} });
};

/** Takes a server out of what agents see: its events go past the prototypes that they patch. */
export const unwrapped = (server: Server): Server => {
  keepMethod(
    server as Partial<Record<"emit", typeof EventEmitter.prototype.emit>>,
    "emit",
    EventEmitter.prototype.emit,
  );
  return server;
};
