/** Builds the command and the environment that start a runner process. */
import { existsSync, statSync } from "node:fs";
import { basename, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { SpawnRequest } from "../contract/config/backend.ts";
import { ConfigError } from "../contract/errors.ts";
import { ORPHAN_TIMEOUT_VARIABLE } from "../contract/wire/heartbeat.ts";
import { inheritedRuntimeArgs } from "../contract/process/exec-argv.ts";
import { SUPERVISED_VARIABLE } from "../contract/process/supervision.ts";

/** What to run. See the process backend's options of the same names. */
export interface CommandOptions {
  readonly entry?: string | URL;
  readonly runtime?: string;
  readonly runtimeArgs?: ReadonlyArray<string>;
  readonly args?: ReadonlyArray<string>;
  readonly command?: readonly [string, ...Array<string>];
  readonly cwd?: string;
}

/** A resolved command. */
export interface ResolvedCommand {
  readonly program: string;
  /** Arguments that Firelight prepends: the module that stops a booting runner if its parent exits. */
  readonly preload: ReadonlyArray<string>;
  readonly args: ReadonlyArray<string>;
  readonly cwd: string;
}

/**
 * Returns the module to preload, a file of this package. In a bundle, which may have no module URL, there is none; the
 * runner's server then starts the watch.
 */
const preloaded = (): URL | undefined => {
  const here: string | undefined = import.meta.url;
  const [, packageFiles, extension] = /^(file:.*\/)backends\/process-command(\.[jt]s)$/.exec(here ?? "") ?? [];
  const url = packageFiles === undefined ? undefined : new URL(`${packageFiles}runner/lifecycle/preload${extension}`);
  return url !== undefined && existsSync(url) ? url : undefined;
};

/** Returns the flag that preloads a module, for programs that are known to support one. */
const preloadFlag = (runtime: string | undefined): "--import" | "--preload" | undefined => {
  if (runtime === undefined) return "Bun" in globalThis ? "--preload" : "--import";
  const name = basename(runtime).replace(/\.exe$/, "");
  return name === "bun" ? "--preload" : name === "node" ? "--import" : undefined;
};

const preloadArgs = (runtime: string | undefined): ReadonlyArray<string> => {
  const flag = preloadFlag(runtime);
  const module = flag === undefined ? undefined : preloaded();
  if (flag === undefined || module === undefined) return [];
  return [flag, flag === "--import" ? module.href : fileURLToPath(module)];
};

const entryPath = (entry: string | URL, cwd: string): string => {
  const isFileUrl = entry instanceof URL || entry.startsWith("file:");
  try {
    return isFileUrl ? fileURLToPath(entry) : resolve(cwd, entry);
  } catch (cause) {
    throw new ConfigError(
      `The process backend's entry is "${String(entry)}", which is not a file. Use a path or a file: URL.`,
      { cause },
    );
  }
};

/**
 * Checks that exactly one of `entry` and `command` is set.
 *
 * @throws {ConfigError} naming the option to set or to remove
 */
export const checkCommandOptions = (options: CommandOptions): void => {
  if (options.command === undefined) {
    if (options.entry !== undefined) return;
    throw new ConfigError(
      'The process backend has no entry and no command. Set entry to the module that starts a runner, such as new URL("./runner.ts", import.meta.url).',
    );
  }
  const ignored = (["entry", "runtime", "runtimeArgs", "args"] as const).filter((name) => options[name] !== undefined);
  if (ignored.length > 0) {
    throw new ConfigError(
      `The process backend has both command and ${ignored.join(", ")}. Put everything into command, or remove command.`,
    );
  }
};

/**
 * Resolves the command that starts a runner.
 *
 * @throws {ConfigError} if the entry or the working directory does not exist
 */
export const resolveCommand = (options: CommandOptions): ResolvedCommand => {
  const cwd = resolve(options.cwd ?? process.cwd());
  if (statSync(cwd, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new ConfigError(`The process backend's cwd is ${cwd}, which is not a directory.`);
  }
  if (options.command !== undefined) {
    const [program, ...args] = options.command;
    return { program, preload: [], args, cwd };
  }
  const entry = entryPath(options.entry!, cwd);
  if (!existsSync(entry)) {
    throw new ConfigError(
      `The process backend's entry ${entry} does not exist. A relative entry is resolved from ${cwd}; ` +
        'new URL("./runner.ts", import.meta.url) works from any directory. In a bundle, build the runner as a separate entry point and pass the path of its output: see docs/bundlers.md.',
    );
  }
  const runtimeArgs =
    options.runtimeArgs ?? (options.runtime === undefined ? inheritedRuntimeArgs(process.execArgv) : []);
  return {
    program: options.runtime ?? process.execPath,
    preload: preloadArgs(options.runtime),
    args: [...runtimeArgs, entry, ...(options.args ?? [])],
    cwd,
  };
};

/** Variables that apply to this process only, or to its own position in a trace or cluster. */
const parentOnly: ReadonlySet<string> = new Set([
  "RUNNER_URL",
  "FLAME_RUNNER",
  ORPHAN_TIMEOUT_VARIABLE,
  "TRACEPARENT",
  "TRACESTATE",
  "BAGGAGE",
  "NODE_CHANNEL_FD",
  "NODE_CHANNEL_SERIALIZATION_MODE",
  "NODE_UNIQUE_ID",
  "WATCH_REPORT_DEPENDENCIES",
]);

/**
 * Merges this process's environment, without the variables of the parent only, with those of the options, the pool and
 * the backend.
 */
export const runnerEnvironment = (
  given: Readonly<Record<string, string | undefined>>,
  host: string,
  request: SpawnRequest,
): Record<string, string> => {
  const inherited = Object.entries(process.env).filter(([name]) => !parentOnly.has(name));
  const merged: Record<string, string | undefined> = {
    ...Object.fromEntries(inherited),
    ...given,
    ...request.env,
    FLAME_BACKEND: "process",
    FLAME_HOST: host,
    FLAME_PORT: "0",
    [SUPERVISED_VARIABLE]: "1",
  };
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(merged)) {
    if (value !== undefined) env[name] = value;
  }
  return env;
};
