/**
 * What a runner's server can be told, and where each field comes from when it is
 * not told.
 */
import { randomBytes } from "node:crypto";
import { ConfigError } from "../contract/errors.ts";
import { ORPHAN_TIMEOUT_VARIABLE } from "../contract/heartbeat.ts";
import type { IdempotencyOptions } from "../contract/idempotency.ts";
import { type IsolationOptions, type ResolvedIsolation, resolveIsolation } from "../contract/isolation.ts";
import { type SecurityOptions } from "../contract/options.ts";
import { type Environment, type ResolvedConfig, resolveConfig } from "../contract/resolve-config.ts";
import { runnerIdFault, shownAddress } from "../contract/runner-url.ts";

/** Options of {@link createRunnerServer}; what is left out comes from the environment, then the configuration. */
export interface RunnerServerOptions {
  /** TCP port; 0 takes a free one. Default: `FLAME_PORT`, else 8080. */
  readonly port?: number;
  /** Address to listen on. Default: `FLAME_HOST`, else all interfaces. */
  readonly hostname?: string;
  /** Path of invocations. Default: `invokePath` of the configuration (`/invoke`). */
  readonly invokePath?: string;
  /** Most bytes of a request body or an encoded result. Default: `maxBodyBytes` of the configuration (10 MiB). */
  readonly maxBodyBytes?: number;
  /** Keys and the clock window; field by field over `security` of the configuration. */
  readonly security?: SecurityOptions;
  /** Lets messages, details and stacks of handler errors reach the caller. Default: `exposeErrors` of the configuration (`false`). */
  readonly exposeErrors?: boolean;
  /** How calls with an idempotency key are treated; `false` treats them like any other. Default: `idempotency` of the configuration. */
  readonly idempotency?: IdempotencyOptions | false;
  /** What runs handlers with an `isolation`. Default: `isolation` of the configuration. */
  readonly isolation?: IsolationOptions;
  /**
   * The id that requests must name as their audience. Default: `FLAME_RUNNER_ID`; without either the server makes one
   * up and runs requests for any audience, since no parent can know it.
   */
  readonly runnerId?: string;
  /** Milliseconds that {@link RunnerServer.stop} waits for running invocations before it aborts them. Default 10 000. */
  readonly drainTimeoutMs?: number;
  /** Invocations at a time; more are refused with `overloaded`, unexecuted. Default: no bound, the parent's pool sets it. */
  readonly maxConcurrency?: number;
  /**
   * Whether SIGTERM and SIGINT drain the server and end the process. Default: `true` when `FLAME_RUNNER_ID` is set or
   * the mode is `runner`, else `false`.
   */
  readonly handleSignals?: boolean;
}

/** Defaults of the options that have a fixed one. */
export const runnerDefaults: { readonly port: number; readonly drainTimeoutMs: number } = {
  port: 8080,
  drainTimeoutMs: 10_000,
};

/** Options with nothing left open. */
export interface ResolvedRunnerOptions {
  readonly port: number;
  readonly hostname: string | undefined;
  readonly invokePath: string;
  readonly maxBodyBytes: number;
  readonly security: ResolvedConfig["security"];
  readonly exposeErrors: boolean;
  readonly idempotency: ResolvedConfig["idempotency"];
  readonly isolation: ResolvedIsolation;
  readonly runnerId: string;
  /** Whether the id was given from outside, so that requests must name it. */
  readonly checkAudience: boolean;
  readonly poolName: string;
  readonly drainTimeoutMs: number;
  readonly maxConcurrency: number | undefined;
  readonly handleSignals: boolean;
  /** Milliseconds of silence after which the parent counts as gone; `undefined` where it promised no word. */
  readonly orphanTimeoutMs: number | undefined;
}

const reservedPaths: ReadonlySet<string> = new Set(["/", "/health", "/ready", "/metrics"]);

const resolvePort = (options: RunnerServerOptions, env: Environment): number => {
  const text = env["FLAME_PORT"]?.trim();
  const port = options.port ?? (text ? Number(text) : runnerDefaults.port);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  const where = options.port === undefined ? "FLAME_PORT" : "port";
  throw new ConfigError(
    `${where} is ${shownAddress(String(options.port ?? text))}. Use a whole number from 0 to 65535; 0 takes a free port.`,
  );
};

const resolveRunnerId = (options: RunnerServerOptions, env: Environment): string | undefined => {
  const given = options.runnerId ?? (env["FLAME_RUNNER_ID"]?.trim() || undefined);
  const fault = given === undefined ? undefined : runnerIdFault(given, 255);
  if (fault === undefined) return given;
  throw new ConfigError(`${options.runnerId === undefined ? "FLAME_RUNNER_ID" : "runnerId"} ${fault}`);
};

const resolveHostname = (options: RunnerServerOptions, env: Environment): string | undefined => {
  const given = options.hostname ?? (env["FLAME_HOST"]?.trim() || undefined);
  if (given === undefined || !/[/@?#\s]/.test(given)) return given;
  throw new ConfigError(
    `${options.hostname === undefined ? "FLAME_HOST" : "hostname"} is ${shownAddress(given)}. Use the name or the IP address of an interface alone, such as 127.0.0.1.`,
  );
};

const atLeast = (field: string, value: number, least: number): number => {
  if (Number.isFinite(value) && value >= least) return value;
  throw new ConfigError(`${field} is ${String(value)}. Use a number, ${least} or more.`);
};

const resolveOrphanTimeout = (env: Environment): number | undefined => {
  const text = env[ORPHAN_TIMEOUT_VARIABLE]?.trim();
  return text ? atLeast(ORPHAN_TIMEOUT_VARIABLE, Number(text), 1) : undefined;
};

/**
 * Fills in what is left open and checks the rest.
 *
 * @throws {ConfigError} naming the option, its value and how to fix it.
 */
export const resolveRunnerOptions = (
  options: RunnerServerOptions,
  config: ResolvedConfig,
  env: Environment,
): ResolvedRunnerOptions => {
  const { invokePath, maxBodyBytes, exposeErrors, idempotency, security } = resolveConfig(
    {
      mode: "runner",
      invokePath: options.invokePath ?? config.invokePath,
      maxBodyBytes: options.maxBodyBytes ?? config.maxBodyBytes,
      exposeErrors: options.exposeErrors ?? config.exposeErrors,
      idempotency: options.idempotency ?? config.idempotency ?? false,
      security: {
        secret: options.security?.secret ?? config.security.secret,
        keyId: options.security?.keyId ?? config.security.keyId,
        acceptKeys: options.security?.acceptKeys ?? config.security.acceptKeys,
        windowMs: options.security?.windowMs ?? config.security.windowMs,
      },
    },
    {},
  );
  if (reservedPaths.has(invokePath)) {
    throw new ConfigError(
      `invokePath is "${invokePath}", which the runner serves itself. Use another path, such as "/invoke".`,
    );
  }
  const runnerId = resolveRunnerId(options, env);
  return {
    port: resolvePort(options, env),
    hostname: resolveHostname(options, env),
    invokePath,
    maxBodyBytes,
    security,
    exposeErrors,
    idempotency,
    isolation: options.isolation === undefined ? config.isolation : resolveIsolation(options.isolation),
    runnerId: runnerId ?? `runner-${randomBytes(4).toString("hex")}`,
    checkAudience: runnerId !== undefined,
    poolName: env["FLAME_POOL"]?.trim() || config.defaultPool,
    drainTimeoutMs: atLeast("drainTimeoutMs", options.drainTimeoutMs ?? runnerDefaults.drainTimeoutMs, 0),
    maxConcurrency:
      options.maxConcurrency === undefined ? undefined : atLeast("maxConcurrency", options.maxConcurrency, 1),
    handleSignals: options.handleSignals ?? (config.mode === "runner" || Boolean(env["FLAME_RUNNER_ID"])),
    orphanTimeoutMs: resolveOrphanTimeout(env),
  };
};
