/**
 * The packages of the OpenTelemetry SDK, loaded when `startOpenTelemetry` is called. Apps have one of two generations
 * (API 1.9 with SDK 2.x, API 1.10 with SDK 3.x) and install them one by one or as `@opentelemetry/sdk-node`, so a
 * package is looked for beside Firelight first and below `sdk-node` second.
 */
import { join } from "node:path";
import * as api from "@opentelemetry/api";
import type * as LogsApi from "@opentelemetry/api-logs";
import type * as ContextAsyncHooks from "@opentelemetry/context-async-hooks";
import type * as Core from "@opentelemetry/core";
import type * as Resources from "@opentelemetry/resources";
import type * as SdkLogs from "@opentelemetry/sdk-logs";
import type * as SdkMetrics from "@opentelemetry/sdk-metrics";
import type * as SdkTrace from "@opentelemetry/sdk-trace";
import { ConfigError } from "../contract/errors.ts";

type Require = NodeJS.Require;

/** Not imported by its name, which bundlers would take for a way to modules of theirs. */
const { createRequire } = process.getBuiltinModule("node:module");

/** In a bundle of CommonJS there is no `import.meta.url`; packages are then found from the working directory. */
const own: Require = createRequire((import.meta as Partial<ImportMeta>).url ?? join(process.cwd(), "package.json"));

const resolveIn = (from: Require, name: string): string | undefined => {
  try {
    return from.resolve(name);
  } catch {
    return undefined;
  }
};

/** A package as an app has it, and what the packages that it depends on are found by. */
interface Located {
  readonly path: string;
  readonly require: Require;
}

const locateIn = (from: Require, name: string): Located | undefined => {
  const path = resolveIn(from, name);
  return path === undefined ? undefined : { path, require: createRequire(path) };
};

const locate = (name: string): Located | undefined => {
  const found = locateIn(own, name);
  if (found !== undefined) return found;
  const sdkNode = locateIn(own, "@opentelemetry/sdk-node");
  return sdkNode && locateIn(sdkNode.require, name);
};

const missing = (name: string): ConfigError =>
  new ConfigError(
    `firelight/otel needs the package ${name}, which is not installed. Install it (npm i ${name}), or @opentelemetry/sdk-node, which brings it along; see "Your service has no SDK" in docs/tracing.md.`,
  );

const loadFrom = (name: string, located: Located): unknown => {
  try {
    return own(located.path);
  } catch (cause) {
    throw new ConfigError(
      `firelight/otel could not load the package ${name} from ${located.path}: see the cause. Reinstall it together with the other packages of OpenTelemetry.`,
      { cause },
    );
  }
};

/** A package that is needed only for a setting; `undefined` where it is not installed. */
export const loadOptional = (name: string): unknown => {
  const located = locate(name);
  return located && loadFrom(name, located);
};

/**
 * A package that cannot be done without.
 *
 * @throws {ConfigError} when it is not installed.
 */
export const loadRequired = (name: string): unknown => {
  const located = locate(name);
  if (located === undefined) throw missing(name);
  return loadFrom(name, located);
};

/** A package that another one depends on, in the version that the other one uses. */
const loadOf = (owner: string, name: string): unknown => {
  const located = locate(owner);
  const found = (located && locateIn(located.require, name)) ?? locate(name);
  if (found === undefined) throw missing(name);
  return loadFrom(name, found);
};

/** The API of log records: a part of the API since 1.10, and a package of its own before. */
export type LogsGlobal = (typeof LogsApi)["logs"];

const logsGlobal = (): LogsGlobal => {
  const { logs } = api as { readonly logs?: LogsGlobal };
  return logs ?? (loadOf("@opentelemetry/sdk-logs", "@opentelemetry/api-logs") as typeof LogsApi).logs;
};

/** What {@link loadSdk} found. */
export interface Sdk {
  readonly core: typeof Core;
  readonly resources: typeof Resources;
  readonly trace: typeof SdkTrace;
  readonly metrics: typeof SdkMetrics;
  readonly logs: typeof SdkLogs;
  readonly contextManager: typeof ContextAsyncHooks;
  readonly logsGlobal: LogsGlobal;
}

/**
 * Loads the SDK.
 *
 * @throws {ConfigError} naming the package that is not installed.
 */
export const loadSdk = (): Sdk => {
  const trace = loadRequired("@opentelemetry/sdk-trace") as typeof SdkTrace;
  return {
    trace,
    metrics: loadRequired("@opentelemetry/sdk-metrics") as typeof SdkMetrics,
    logs: loadRequired("@opentelemetry/sdk-logs") as typeof SdkLogs,
    contextManager: loadRequired("@opentelemetry/context-async-hooks") as typeof ContextAsyncHooks,
    core: loadOf("@opentelemetry/sdk-trace", "@opentelemetry/core") as typeof Core,
    resources: loadOf("@opentelemetry/sdk-trace", "@opentelemetry/resources") as typeof Resources,
    logsGlobal: logsGlobal(),
  };
};
