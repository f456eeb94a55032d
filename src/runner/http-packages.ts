/**
 * Elysia and srvx, loaded when this process makes its first server: a process that serves nothing does without them.
 * The names are literals in `import()`, which bundlers follow.
 */
import type { Elysia } from "elysia";
import type { FastResponse, toNodeHandler } from "srvx/node";
import { ConfigError } from "../contract/errors.ts";

const importing = async <Module>(name: string, load: () => Promise<Module>): Promise<Module> => {
  try {
    return await load();
  } catch (cause) {
    throw new ConfigError(
      `The runner cannot listen: the package ${name} could not be loaded (${cause instanceof Error ? cause.message : String(cause)}). ` +
        "Install the dependencies of firelight. If the code is bundled, deploy all files that the bundler wrote, or keep firelight out of the bundle: see docs/bundlers.md.",
      { cause },
    );
  }
};

/** Loads the router. Rejects with a {@link ConfigError} that says what to do. */
export const loadElysia = async (): Promise<typeof Elysia> =>
  (await importing("elysia", () => import("elysia"))).Elysia;

/** Loads what puts a web handler on Node's HTTP server. Rejects with a {@link ConfigError} that says what to do. */
export const loadSrvx = (): Promise<{
  readonly FastResponse: typeof FastResponse;
  readonly toNodeHandler: typeof toNodeHandler;
}> => importing("srvx", () => import("srvx/node"));
