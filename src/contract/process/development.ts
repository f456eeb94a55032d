/** What is different while code is being written: modules are evaluated again when they change. */
import { callSite, type CallSite } from "./call-site.ts";

/** The rules for modules that are evaluated again. */
export type Reloads = "development" | "test" | "never";

/** `never` with `NODE_ENV=production`, `test` with `NODE_ENV=test`, `development` with anything else. */
export const reloads = (): Reloads => {
  const given = process.env["NODE_ENV"];
  return given === "production" ? "never" : given === "test" ? "test" : "development";
};

/**
 * Whether the framework evaluates a module once for each of its layers and bundles, in one process and in production
 * too: Next does, and says so with `NEXT_RUNTIME`.
 */
export const evaluatesPerLayer = (): boolean => process.env["NEXT_RUNTIME"] !== undefined;

/** Where a user called `called` to define something; not looked for in production. The rule of {@link callSite} holds. */
export const definitionSite = (called: Function): CallSite | undefined =>
  reloads() === "never" ? undefined : callSite(called);

let turn: object | undefined;

/** A mark that all code which runs before the event loop goes on has in common: what one evaluation of a module does. */
export const currentTurn = (): object => {
  if (turn === undefined) {
    turn = {};
    setImmediate(() => (turn = undefined)).unref();
  }
  return turn;
};
