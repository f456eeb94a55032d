/** Rules for development, where modules are evaluated again when they change. */
import { callSite, type CallSite } from "./call-site.ts";

/** How modules may be evaluated again. */
export type Reloads = "development" | "test" | "never";

/** Returns `never` with `NODE_ENV=production`, `test` with `NODE_ENV=test`, otherwise `development`. */
export const reloads = (): Reloads => {
  const given = process.env["NODE_ENV"];
  return given === "production" ? "never" : given === "test" ? "test" : "development";
};

/**
 * Whether the framework evaluates a module once for each of its layers and bundles in one process, also in production.
 * Next does, and sets `NEXT_RUNTIME`.
 */
export const evaluatesPerLayer = (): boolean => process.env["NEXT_RUNTIME"] !== undefined;

/**
 * Returns where a user called `called` to define something; not determined in production. The rule of {@link callSite}
 * applies.
 */
export const definitionSite = (called: Function): CallSite | undefined =>
  reloads() === "never" ? undefined : callSite(called);

let turn: object | undefined;

/** A mark shared by all code that runs in the same turn of the event loop, as one evaluation of a module does. */
export const currentTurn = (): object => {
  if (turn === undefined) {
    turn = {};
    setImmediate(() => (turn = undefined)).unref();
  }
  return turn;
};
