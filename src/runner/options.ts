/** The options of a runner's server, and the source of each option that is left out. */
import { randomBytes } from "node:crypto";
import { integer, milliseconds } from "../contract/validation/check-number.ts";
import { servingFields } from "../contract/config/config-schema.ts";
import { ConfigError } from "../contract/errors.ts";
import { ORPHAN_TIMEOUT_VARIABLE } from "../contract/wire/heartbeat.ts";
import type { IdempotencyOptions } from "../contract/config/idempotency.ts";
import { type IsolationOptions, type ResolvedIsolation, resolveIsolation } from "../contract/config/isolation.ts";
import { boolean } from "../contract/validation/option-checks.ts";
import {
  type Check,
  check,
  notAllowed,
  object,
  OptionFault,
  readOption,
} from "../contract/validation/option-schema.ts";
import type { FlameConfig, SecurityOptions } from "../contract/config/options.ts";
import { printText } from "../contract/validation/print-value.ts";
import { runnerIdOf } from "../contract/config/connection-schema.ts";
import { resolveRunnerHooks, type RunnerHook, type RunnerHooks } from "../contract/config/runner-hooks.ts";
import { shownAddress } from "../contract/config/runner-url.ts";
import type { Environment, ResolvedConfig } from "../contract/config/resolve-config.ts";
import { resolveIdempotency } from "../contract/config/resolve-idempotency.ts";
import type { StopOptions } from "./lifecycle/shutdown.ts";

/**
 * Options of `flame.createRunnerServer`. An option that is left out comes from the environment, then from the
 * configuration.
 */
export interface RunnerServerOptions extends RunnerHooks {
  /** TCP port. 0 selects a free port. Default: `FLAME_PORT`, else 8080. */
  readonly port?: number;
  /** Address to listen on. Default: `FLAME_HOST`, otherwise all interfaces. */
  readonly hostname?: string;
  /** HTTP path of calls. Default: `invokePath` of the configuration (`/invoke`). */
  readonly invokePath?: string;
  /**
   * Maximum size of a request body and of an encoded result, in bytes. Default: `maxBodyBytes` of the configuration (10
   * MiB).
   */
  readonly maxBodyBytes?: number;
  /** Keys and the clock window, merged field by field over `security` of the configuration. */
  readonly security?: SecurityOptions;
  /**
   * Sends messages, details and stacks of handler errors to the caller. Default: `exposeErrors` of the configuration
   * (`false`).
   */
  readonly exposeErrors?: boolean;
  /**
   * How calls with an idempotency key are handled. `false` ignores the key. Default: `idempotency` of the
   * configuration.
   */
  readonly idempotency?: IdempotencyOptions | false;
  /** Options of the isolates that run handlers with an `isolation`. Default: `isolation` of the configuration. */
  readonly isolation?: IsolationOptions;
  /**
   * The id that requests must name as their audience. Default: `FLAME_RUNNER_ID`. Without either, the server generates
   * an id and accepts any audience, because no parent knows that id.
   */
  readonly runnerId?: string;
  /**
   * How long {@link RunnerServer.stop} waits for running invocations before it aborts them, in milliseconds. `Infinity`
   * waits for all of them. `onRunnerStop` gets the remaining time. Default: 10,000.
   */
  readonly drainTimeoutMs?: number;
  /**
   * Maximum number of concurrent invocations. More are rejected with `overloaded` and do not run. Default: unlimited;
   * the pool of the parent sets the limit.
   */
  readonly maxConcurrency?: number;
  /**
   * Whether SIGTERM and SIGINT drain the server and exit the process. Default: `true` if `FLAME_RUNNER_ID` is set or
   * the mode is `runner`, else `false`.
   */
  readonly handleSignals?: boolean;
}

/** The fixed defaults. */
export const runnerDefaults: { readonly port: number; readonly drainTimeoutMs: number } = {
  port: 8080,
  drainTimeoutMs: 10_000,
};

/** Options with all defaults applied. */
export interface ResolvedRunnerOptions {
  readonly port: number;
  readonly hostname: string | undefined;
  readonly invokePath: string;
  readonly maxBodyBytes: number;
  readonly security: ResolvedConfig["security"];
  readonly exposeErrors: boolean;
  readonly idempotency: ResolvedConfig["idempotency"];
  readonly isolation: ResolvedIsolation;
  readonly onRunnerStart: RunnerHook | undefined;
  readonly onRunnerStop: RunnerHook | undefined;
  readonly runnerId: string;
  /** Whether the id was configured, so that requests must name it. */
  readonly checkAudience: boolean;
  readonly poolName: string;
  readonly drainTimeoutMs: number;
  readonly maxConcurrency: number | undefined;
  readonly handleSignals: boolean;
  /** Milliseconds without a heartbeat after which the parent counts as gone; `undefined` if it sends none. */
  readonly orphanTimeoutMs: number | undefined;
}

const reservedPaths: ReadonlySet<string> = new Set(["/", "/health", "/ready", "/metrics"]);

const runnerId = runnerIdOf(255);

/** The name or address of an interface. */
const hostname: Check<string> = check(
  "the host name or IP address of an interface, without a port, such as 127.0.0.1",
  (value) => {
    if (typeof value !== "string" || value === "") throw notAllowed(value, hostname.allowed);
    if (!/[/@?#\s]/.test(value)) return value;
    throw new OptionFault("", `is ${shownAddress(value)}. Use ${hostname.allowed}.`);
  },
);

/** TCP ports. */
const port = check("a whole number from 0 to 65535; 0 selects a free port", (value) => {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 65_535) return value;
  throw notAllowed(value, "a whole number from 0 to 65535; 0 selects a free port");
});

const drainTimeoutMs = milliseconds({ min: 0, infinity: true });

const schema = object<RunnerServerOptions>({
  ...servingFields,
  port,
  hostname,
  runnerId,
  drainTimeoutMs,
  maxConcurrency: integer("invocations", { min: 1 }),
  handleSignals: boolean(),
});

/**
 * Validates and copies the options of a server.
 *
 * @throws {ConfigError} with the option, its value and how to fix it.
 */
export const readRunnerOptions = (options: RunnerServerOptions): RunnerServerOptions =>
  readOption(schema, options, "createRunnerServer");

const stopSchema = object<StopOptions>({ drainTimeoutMs });

/**
 * Validates and copies the options of {@link RunnerServer.stop}.
 *
 * @throws {ConfigError} with the option, its value and how to fix it.
 */
export const readStop = (options: StopOptions): StopOptions => readOption(stopSchema, options, "RunnerServer.stop");

/** A number from an environment variable, which may be blank. */
const readVariable = (of: Check<number>, env: Environment, name: string): number | undefined => {
  const given = env[name]?.trim();
  if (given === undefined || given === "") return undefined;
  const value = Number(given);
  if (Number.isNaN(value)) throw new ConfigError(`${name} is ${printText(given)}. Use ${of.allowed}.`);
  return readOption(of, value, "", name);
};

const resolveRunnerId = (options: RunnerServerOptions, env: Environment): string | undefined => {
  const fromEnv = env["FLAME_RUNNER_ID"]?.trim() || undefined;
  return options.runnerId ?? (fromEnv && readOption(runnerId, fromEnv, "", "FLAME_RUNNER_ID"));
};

const resolveHostname = (env: Environment): string | undefined => {
  const given = env["FLAME_HOST"]?.trim() || undefined;
  return given && readOption(hostname, given, "", "FLAME_HOST");
};

const orphanTimeout = milliseconds({ min: 1 });

/**
 * Validates options and applies defaults.
 *
 * @throws {ConfigError} with the option, its value and how to fix it.
 */
export const resolveRunnerOptions = (
  given: RunnerServerOptions,
  config: ResolvedConfig,
  env: Environment,
): ResolvedRunnerOptions => {
  const options = readRunnerOptions(given);
  const invokePath = options.invokePath ?? config.invokePath;
  if (reservedPaths.has(invokePath)) {
    throw new ConfigError(
      `invokePath is "${invokePath}", which is a path of the runner itself. Use another path, such as "/invoke".`,
    );
  }
  const id = resolveRunnerId(options, env);
  return {
    port: options.port ?? readVariable(port, env, "FLAME_PORT") ?? runnerDefaults.port,
    hostname: options.hostname ?? resolveHostname(env),
    invokePath,
    maxBodyBytes: options.maxBodyBytes ?? config.maxBodyBytes,
    security: { ...config.security, ...options.security },
    exposeErrors: options.exposeErrors ?? config.exposeErrors,
    idempotency: options.idempotency === undefined ? config.idempotency : resolveIdempotency(options.idempotency),
    isolation: options.isolation === undefined ? config.isolation : resolveIsolation(options.isolation),
    ...resolveRunnerHooks(options, config.hooks),
    runnerId: id ?? `runner-${randomBytes(4).toString("hex")}`,
    checkAudience: id !== undefined,
    poolName: env["FLAME_POOL"]?.trim() || config.defaultPool,
    drainTimeoutMs: options.drainTimeoutMs ?? runnerDefaults.drainTimeoutMs,
    maxConcurrency: options.maxConcurrency,
    handleSignals: options.handleSignals ?? (config.mode === "runner" || Boolean(env["FLAME_RUNNER_ID"])),
    orphanTimeoutMs: readVariable(orphanTimeout, env, ORPHAN_TIMEOUT_VARIABLE),
  };
};

/** The field of the configuration that is the default of an option. */
const getField: Readonly<Record<keyof ResolvedRunnerOptions, keyof FlameConfig | undefined>> = {
  port: undefined,
  hostname: undefined,
  invokePath: "invokePath",
  maxBodyBytes: "maxBodyBytes",
  security: "security",
  exposeErrors: "exposeErrors",
  idempotency: "idempotency",
  isolation: "isolation",
  onRunnerStart: "onRunnerStart",
  onRunnerStop: "onRunnerStop",
  runnerId: undefined,
  checkAudience: undefined,
  poolName: "defaultPool",
  drainTimeoutMs: undefined,
  maxConcurrency: undefined,
  handleSignals: "mode",
  orphanTimeoutMs: undefined,
};

const isPlainJson = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" &&
  value !== null &&
  (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype);

/** Whether two settings are equal. Objects of the user, such as stores, are compared by identity. */
const alike = (one: unknown, other: unknown): boolean =>
  Object.is(one, other) ||
  (isPlainJson(one) &&
    isPlainJson(other) &&
    Object.keys(one).length === Object.keys(other).length &&
    Object.keys(one).every((key) => alike(one[key], other[key])));

/**
 * The fields of the configuration that a server has read and that differ in another configuration.
 *
 * @param given The options that the server was created with.
 */
export const fixedByServing = (
  given: RunnerServerOptions,
  before: ResolvedConfig,
  after: ResolvedConfig,
  env: Environment,
): ReadonlyArray<string> => {
  const [old, next] = [before, after].map((config) => resolveRunnerOptions(given, config, env));
  const differing = Object.entries(getField).flatMap(([option, field]) => {
    const key = option as keyof ResolvedRunnerOptions;
    return field === undefined || alike(old?.[key], next?.[key]) ? [] : [field];
  });
  if (before.logger !== after.logger) differing.push("logger");
  if (!alike(before.telemetry, after.telemetry)) differing.push("telemetry");
  return differing;
};
