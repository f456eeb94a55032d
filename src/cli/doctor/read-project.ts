/** Loads the configuration of a project: a module whose default export is a configuration or an instance of Firelight. */
import { existsSync } from "node:fs";
import { relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import {
  configSymbol,
  type Environment,
  type ResolvedConfig,
  resolveConfig,
} from "../../contract/config/resolve-config.ts";
import { ConfigError } from "../../contract/errors.ts";
import type { FlameConfig } from "../../contract/config/options.ts";
import type { ResolvedPool } from "../../contract/config/resolve-pool.ts";
import { many } from "../terminal.ts";
import { type Finding, failed, ok, skipped } from "./finding.ts";

export interface Project {
  /** `undefined` when it does not resolve. */
  readonly config: ResolvedConfig | undefined;
  readonly findings: ReadonlyArray<Finding>;
  /** Ends what loading it started. */
  close(): Promise<void>;
}

const check = "configuration";

/** Where the configuration is looked for when nobody names it. */
const customary = ["ts", "js", "mts", "mjs"].map((ending) => `flame.config.${ending}`);

const shortestSecret = 16;

const describePool = ({ name, bounds, runners, backend }: ResolvedPool): string => {
  const slots = `${many(bounds.maxConcurrency, "slot")} each`;
  if (runners.length > 0) return `${name} (${many(runners.length, "fixed runner")}, ${slots})`;
  if (backend === undefined) return `${name} (no runners)`;
  return `${name} (${bounds.min} to ${many(bounds.max, "runner")} of ${backend.name ?? "a backend"}, ${slots})`;
};

const describe = ({ mode, pools }: ResolvedConfig): string => {
  const names = [...pools.values()].map(describePool);
  return `mode ${mode}, ${names.length === 0 ? "no pools" : `${many(names.length, "pool")}: ${names.join(", ")}`}`;
};

const checkPools = ({ mode, pools, defaultPool }: ResolvedConfig): ReadonlyArray<Finding> => {
  if (mode !== "parent") return [];
  const empty = [...pools.values()].filter(({ runners, backend }) => runners.length === 0 && backend === undefined);
  const findings = empty.map(({ name }) =>
    failed("pools", `the pool "${name}" has no runners, and every call to it fails`, "Give it runners or a backend."),
  );
  if (!pools.has(defaultPool)) {
    findings.push(
      skipped(
        "pools",
        `there is no pool "${defaultPool}", and calls of methods that name no pool fail`,
        "If there are such methods: give pools an entry of that name, or name another one as defaultPool.",
      ),
    );
  }
  return findings;
};

const checkSecret = ({ mode, pools, security }: ResolvedConfig): Finding | undefined => {
  const fix = "Set FLAME_SECRET, or security.secret, to the same value on both sides: openssl rand -base64 32";
  if (security.secret !== undefined) {
    return security.secret.length < shortestSecret
      ? failed("secret", `it has ${many(security.secret.length, "character")}, few enough to be guessed`, fix)
      : ok("secret", `there is one, under the key id "${security.keyId}"`);
  }
  if (mode === "local") return undefined;
  const fixed = [...pools.values()].some(({ runners }) => runners.length > 0);
  if (mode === "runner") return failed("secret", "there is none, and a runner without one runs nothing", fix);
  return fixed
    ? failed("secret", "there is none, and every call to a fixed runner fails", fix)
    : ok("secret", "none is needed: this parent makes one up for the runners that it starts");
};

/** The findings about a configuration that was given. */
const examine = (where: string, given: FlameConfig, env: Environment): Omit<Project, "close"> => {
  try {
    const config = resolveConfig(given, env);
    const findings = [ok(check, `${where}: ${describe(config)}`), ...checkPools(config)];
    return { config, findings: [...findings, ...[checkSecret(config)].flatMap((finding) => finding ?? [])] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { config: undefined, findings: [failed(check, `${where}: it does not resolve`, error.message)] };
  }
};

const nothing = async (): Promise<void> => {};

interface Instance {
  readonly [configSymbol]: FlameConfig;
  shutdown(): Promise<void>;
}

const isInstance = (value: unknown): value is Instance =>
  typeof value === "function" && typeof (value as unknown as Record<symbol, unknown>)[configSymbol] === "object";

const load = async (file: string): Promise<unknown> => {
  const loaded = (await import(pathToFileURL(file).href)) as { readonly default?: unknown; readonly flame?: unknown };
  return loaded.default ?? loaded.flame;
};

const unusable = (seen: string, fix: string): Project => ({
  config: undefined,
  findings: [failed(check, seen, fix)],
  close: nothing,
});

const withoutModule = (env: Environment): Project => {
  const alone = examine("the environment alone", {}, env);
  if (alone.config?.mode !== "parent" || alone.config.pools.size > 0) return { ...alone, close: nothing };
  const seen = `there is no ${customary[0]} here, and RUNNER_URL is not set`;
  return {
    config: alone.config,
    findings: [skipped(check, seen, "Give --config the module that has the configuration.")],
    close: nothing,
  };
};

/**
 * Loads the module `file`, or the customary one of the folder, and looks at its configuration. Without a module there is the
 * environment alone. Nothing is started; what the module itself starts is ended by `close`.
 */
export const readProject = async (folder: string, file: string | undefined, env: Environment): Promise<Project> => {
  const path = file ?? customary.find((name) => existsSync(resolve(folder, name)));
  if (path === undefined) return withoutModule(env);
  const absolute = resolve(folder, path);
  const where = relative(folder, absolute);
  if (!existsSync(absolute)) return unusable(`there is no ${where}`, "Give --config the path of the module.");
  let value: unknown;
  try {
    value = await load(absolute);
  } catch (error) {
    const said = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return unusable(`${where} cannot be loaded: ${said}`, "Load it by itself to see where it fails.");
  }
  if (isInstance(value)) {
    const instance = value;
    return { ...examine(where, instance[configSymbol], env), close: () => instance.shutdown() };
  }
  if (typeof value === "object" && value !== null) return { ...examine(where, value, env), close: nothing };
  return unusable(
    `${where} has no configuration`,
    "Export one by default, as in export default { pools: … } satisfies FlameConfig, or the instance that it configures.",
  );
};
