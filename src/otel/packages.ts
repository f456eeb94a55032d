/**
 * Loads the packages of the OpenTelemetry SDK when `startOpenTelemetry` is called. Apps have one of two generations
 * (API 1.9 with SDK 2.x, API 1.10 with SDK 3.x) and install them individually or as `@opentelemetry/sdk-node`. So a
 * package is resolved from Firelight first, then from `sdk-node`.
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

/** Accessed indirectly, because bundlers rewrite a direct import. */
const { createRequire } = process.getBuiltinModule("node:module");

/** A CommonJS bundle has no `import.meta.url`; packages are then resolved from the working directory. */
const own: Require = createRequire((import.meta as Partial<ImportMeta>).url ?? join(process.cwd(), "package.json"));

const resolveIn = (from: Require, name: string): string | undefined => {
  try {
    return from.resolve(name);
  } catch {
    return undefined;
  }
};

/** An installed package, and the resolver for its dependencies. */
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
    `firelight/otel needs the package ${name}, which is not installed. Install it (npm i ${name}), or @opentelemetry/sdk-node, which includes it. See "Your service has no SDK" in docs/tracing.md.`,
  );

const loadFrom = (name: string, located: Located): unknown => {
  try {
    return own(located.path);
  } catch (cause) {
    throw new ConfigError(
      `firelight/otel failed to load the package ${name} from ${located.path}; see the cause. Reinstall it together with the other OpenTelemetry packages.`,
      { cause },
    );
  }
};

/** Loads a package that only some settings need; `undefined` if it is not installed. */
export const loadOptional = (name: string): unknown => {
  const located = locate(name);
  return located && loadFrom(name, located);
};

/**
 * Loads a required package.
 *
 * @throws {ConfigError} if it is not installed
 */
export const loadRequired = (name: string): unknown => {
  const located = locate(name);
  if (located === undefined) throw missing(name);
  return loadFrom(name, located);
};

/** Loads a dependency of another package, in the version that it uses. */
const loadOf = (owner: string, name: string): unknown => {
  const located = locate(owner);
  const found = (located && locateIn(located.require, name)) ?? locate(name);
  if (found === undefined) throw missing(name);
  return loadFrom(name, found);
};

/** Returns the logs API: part of the API since 1.10, a separate package before. */
export type LogsGlobal = (typeof LogsApi)["logs"];

const logsGlobal = (): LogsGlobal => {
  const { logs } = api as { readonly logs?: LogsGlobal };
  return logs ?? (loadOf("@opentelemetry/sdk-logs", "@opentelemetry/api-logs") as typeof LogsApi).logs;
};

/** The packages that {@link loadSdk} loaded. */
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
 * @throws {ConfigError} naming the missing package
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
