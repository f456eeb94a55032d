/** Imports the entry points that need no optional peer, and makes no call. */
import * as entry from "firelight";
import * as backend from "firelight/backends/process";
import * as catalog from "firelight/catalog";
import * as testing from "firelight/testing";

console.log(
  [entry, backend, catalog, testing].every((module) => Object.keys(module).length > 0) ? "imported" : "empty",
);
