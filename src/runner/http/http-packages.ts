/** Elysia and srvx, loaded when this process makes its first server: a process that serves nothing does without them. */
import type { Elysia } from "elysia";
import type { FastResponse, toNodeHandler } from "srvx/node";
import { loadPackage } from "../../contract/process/load-package.ts";

const purpose = "The runner cannot listen";

/** Loads the router. Rejects with a `ConfigError` that says what to do. */
export const loadElysia = async (): Promise<typeof Elysia> =>
  (await loadPackage("elysia", purpose, () => import("elysia"))).Elysia;

/** Loads what puts a web handler on Node's HTTP server. Rejects with a `ConfigError` that says what to do. */
export const loadSrvx = (): Promise<{
  readonly FastResponse: typeof FastResponse;
  readonly toNodeHandler: typeof toNodeHandler;
}> => loadPackage("srvx", purpose, () => import("srvx/node"));
