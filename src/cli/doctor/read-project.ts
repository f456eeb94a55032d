/** Loads the configuration of a project: a module whose default export is a configuration or an instance. */
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
import { formatCount } from "../../contract/format-numbers.ts";
import { type Finding, failed, ok, skipped } from "./finding.ts";

export interface Project {
  /** `undefined` if it is invalid. */
  readonly config: ResolvedConfig | undefined;
  readonly findings: ReadonlyArray<Finding>;
  /** Stops what loading it started. */
  close(): Promise<void>;
}

const check = "configuration";

/** The default names of the configuration module. */
const configFiles = ["ts", "js", "mts", "mjs"].map((ending) => `flame.config.${ending}`);

const minSecretLength = 16;

const describePool = ({ name, bounds, runners, backend }: ResolvedPool): string => {
  const slots = `${formatCount(bounds.maxConcurrency, "slot")} each`;
  if (runners.length > 0) return `${name} (${formatCount(runners.length, "fixed runner")}, ${slots})`;
  if (backend === undefined) return `${name} (no runners)`;
  return `${name} (${bounds.min} to ${formatCount(bounds.max, "runner")} of ${backend.name ?? "a backend"}, ${slots})`;
};

const describe = ({ mode, pools }: ResolvedConfig): string => {
  const names = [...pools.values()].map(describePool);
  return `mode ${mode}, ${names.length === 0 ? "no pools" : `${formatCount(names.length, "pool")}: ${names.join(", ")}`}`;
};

const checkPools = ({ mode, pools, defaultPool }: ResolvedConfig): ReadonlyArray<Finding> => {
  if (mode !== "parent") return [];
  const empty = [...pools.values()].filter(({ runners, backend }) => runners.length === 0 && backend === undefined);
  const findings = empty.map(({ name }) =>
    failed("pools", `the pool "${name}" has no runners, so every call to it fails`, "Give it runners or a backend."),
  );
  if (!pools.has(defaultPool)) {
    findings.push(
      skipped(
        "pools",
        `there is no pool "${defaultPool}", so calls of methods without a pool fail`,
        "If you have such methods, add a pool with that name or set defaultPool.",
      ),
    );
  }
  return findings;
};

const checkSecret = ({ mode, pools, security }: ResolvedConfig): Finding | undefined => {
  const fix = "Set FLAME_SECRET, or security.secret, to the same value on both sides: openssl rand -base64 32";
  if (security.secret !== undefined) {
    return security.secret.length < minSecretLength
      ? failed("secret", `it has only ${formatCount(security.secret.length, "character")} and can be guessed`, fix)
      : ok("secret", `configured, with the key id "${security.keyId}"`);
  }
  if (mode === "local") return undefined;
  const fixed = [...pools.values()].some(({ runners }) => runners.length > 0);
  if (mode === "runner") return failed("secret", "missing; a runner without a secret rejects every request", fix);
  return fixed
    ? failed("secret", "missing; every call to a fixed runner fails", fix)
    : ok("secret", "not needed: this parent generates one for the runners that it starts");
};

/** Returns the findings about a configuration. */
const examine = (where: string, given: FlameConfig, env: Environment): Omit<Project, "close"> => {
  try {
    const config = resolveConfig(given, env);
    const findings = [ok(check, `${where}: ${describe(config)}`), ...checkPools(config)];
    return { config, findings: [...findings, ...[checkSecret(config)].flatMap((finding) => finding ?? [])] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { config: undefined, findings: [failed(check, `${where}: invalid configuration`, error.message)] };
  }
};

const noop = async (): Promise<void> => {};

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
  close: noop,
});

const withoutModule = (env: Environment): Project => {
  const alone = examine("only the environment", {}, env);
  if (alone.config?.mode !== "parent" || alone.config.pools.size > 0) return { ...alone, close: noop };
  const seen = `no ${configFiles[0]} in this folder, and RUNNER_URL is not set`;
  return {
    config: alone.config,
    findings: [skipped(check, seen, "Give --config the path of the configuration module.")],
    close: noop,
  };
};

/**
 * Loads the module `file`, or the default one of the folder, and checks its configuration. Without a module, only the
 * environment is checked. Nothing is started; `close` stops what the module itself starts.
 */
export const readProject = async (folder: string, file: string | undefined, env: Environment): Promise<Project> => {
  const path = file ?? configFiles.find((name) => existsSync(resolve(folder, name)));
  if (path === undefined) return withoutModule(env);
  const absolute = resolve(folder, path);
  const where = relative(folder, absolute);
  if (!existsSync(absolute))
    return unusable(`${where} does not exist`, "Give --config the path of the configuration module.");
  let value: unknown;
  try {
    value = await load(absolute);
  } catch (error) {
    const said = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return unusable(`cannot load ${where}: ${said}`, "Run the module on its own to see where it fails.");
  }
  if (isInstance(value)) {
    const instance = value;
    return { ...examine(where, instance[configSymbol], env), close: () => instance.shutdown() };
  }
  if (typeof value === "object" && value !== null) return { ...examine(where, value, env), close: noop };
  return unusable(
    `${where} exports no configuration`,
    "Add a default export: export default { pools: … } satisfies FlameConfig, or the configured instance.",
  );
};
