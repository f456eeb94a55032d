/** Loads Elysia and srvx with the first server of the process, so that other processes do not load them. */
import type { Elysia } from "elysia";
import type { FastResponse, toNodeHandler } from "srvx/node";
import { loadPackage } from "../../contract/process/load-package.ts";

const purpose = "The runner cannot listen";

/** Loads the router. Rejects with a `ConfigError` if it is not installed. */
export const loadElysia = async (): Promise<typeof Elysia> =>
  (await loadPackage("elysia", purpose, () => import("elysia"))).Elysia;

/** Loads the adapter of web handlers to Node's HTTP server. Rejects with a `ConfigError` if it is not installed. */
export const loadSrvx = (): Promise<{
  readonly FastResponse: typeof FastResponse;
  readonly toNodeHandler: typeof toNodeHandler;
}> => loadPackage("srvx", purpose, () => import("srvx/node"));
