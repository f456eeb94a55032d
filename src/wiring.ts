/** Assembles what an instance uses under one configuration: its client, and its telemetry. */
import { isDeepStrictEqual } from "node:util";
import type { Codec } from "./contract/codec/codec.ts";
import type { Logger } from "./contract/config/options.ts";
import type { Environment, ResolvedConfig } from "./contract/config/resolve-config.ts";
import type { Registry } from "./contract/api/registry.ts";
import { makeClient, shutdownGraceMs, type Client } from "./parent/client.ts";
import type { SenderClock } from "./parent/sender-clock.ts";
import { makeDispatcher } from "./runner/request/dispatch.ts";
import { makeIdempotencyGuard } from "./runner/idempotency/idempotency.ts";
import { runnerLink } from "./runner/isolation/runner-link.ts";
import { type IsolateRunner, makeIsolateRunner } from "./runner/isolation/isolate-runner.ts";
import { startLocally } from "./runner/lifecycle/local-start.ts";
import { guardLogger } from "./telemetry/guarded-logger.ts";
import { consoleLogger, makeLogSink } from "./telemetry/logs.ts";
import { makeOtelTracer } from "./telemetry/opentelemetry.ts";
import { type LateMetrics, makeLateMetrics } from "./telemetry/late-metrics.ts";
import { makeRedactor, type Redactor } from "./telemetry/redaction.ts";
import { makeTelemetry, type Telemetry } from "./telemetry/telemetry.ts";

/** The telemetry of an instance. */
export interface TelemetryStack {
  readonly telemetry: Telemetry;
  readonly metrics: LateMetrics | undefined;
  readonly logger: Logger;
  /** Removes secrets from thrown values. */
  readonly redact: Redactor;
  /** The configuration that it was made from. */
  readonly config: ResolvedConfig;
}

const secretsIn = ({ security }: ResolvedConfig): ReadonlyArray<string> => [
  ...(security.secret === undefined ? [] : [security.secret]),
  ...security.acceptKeys.map((key) => key.secret),
];

/** Whether two configurations need the same telemetry. */
const observedAlike = (one: ResolvedConfig, other: ResolvedConfig): boolean =>
  one.logger === other.logger &&
  one.telemetry.metrics === other.telemetry.metrics &&
  isDeepStrictEqual(one.telemetry.methods, other.telemetry.methods) &&
  isDeepStrictEqual(one.telemetry.buckets, other.telemetry.buckets) &&
  one.telemetry.traces === other.telemetry.traces &&
  isDeepStrictEqual(one.telemetry.baggageKeys, other.telemetry.baggageKeys) &&
  isDeepStrictEqual(secretsIn(one), secretsIn(other));

/** The metrics. Instruments belong to a registry, so counters continue if the registry is the same. */
const metricsOf = (
  { telemetry: { metrics: wanted, methods, buckets } }: ResolvedConfig,
  before: TelemetryStack | undefined,
): LateMetrics | undefined => {
  if (wanted === false) return undefined;
  const own = before?.config.telemetry.metrics === true ? before.metrics : undefined;
  return wanted === true
    ? makeLateMetrics({ methods, buckets }, own)
    : makeLateMetrics({ registry: wanted, methods, buckets });
};

/** Makes the telemetry of a configuration. Reuses the previous telemetry, with its counters, if possible. */
export const makeTelemetryStack = (config: ResolvedConfig, before?: TelemetryStack): TelemetryStack => {
  if (before !== undefined && observedAlike(before.config, config)) return before;
  const { baggageKeys, traces } = config.telemetry;
  const logger = guardLogger(config.logger ?? consoleLogger);
  const redact = makeRedactor(secretsIn(config));
  const metrics = metricsOf(config, before);
  const sinks = [makeLogSink(logger, redact), ...(metrics === undefined ? [] : [metrics])];
  const tracer = makeOtelTracer({ baggageKeys, enabled: traces, redact });
  return { telemetry: makeTelemetry(tracer, sinks), metrics, logger, redact, config };
};

/** Whether calls run in this process: in local mode, and on a runner without pools of its own. */
const isLocal = (config: ResolvedConfig): boolean =>
  config.mode === "local" || (config.mode === "runner" && config.pools.size === 0);

/**
 * The isolates for calls that run in this process. There are none in an isolate, which can be stopped itself, and in local mode
 * without an entry: importing the main module again would repeat its side effects.
 */
const isolateRunnerFor = (
  { mode, isolation, maxBodyBytes }: ResolvedConfig,
  telemetry: Telemetry,
  place: { readonly runnerId: string; readonly poolName: string },
): IsolateRunner | undefined => {
  if (runnerLink() !== undefined || (mode === "local" && isolation.entry === undefined)) return undefined;
  const settings = { ...place, url: "", port: 0, hostname: "", maxBodyBytes };
  return makeIsolateRunner({ ...isolation, settings: () => settings, telemetry });
};

/** Makes the client of a configuration. Local calls on a runner are reported under its id and pool, from `env`. */
export const createClient = (
  config: ResolvedConfig,
  registry: Registry,
  codec: Codec,
  { telemetry, logger, redact }: TelemetryStack,
  env: Environment,
  clock?: SenderClock,
): Client => {
  if (!isLocal(config)) return makeClient({ config, telemetry, codec, ...(clock === undefined ? {} : { clock }) });
  const { idempotency, exposeErrors, maxBodyBytes } = config;
  const runnerId = env["FLAME_RUNNER_ID"]?.trim() || "local";
  const poolName = env["FLAME_POOL"]?.trim() || config.defaultPool;
  const isolated = isolateRunnerFor(config, telemetry, { runnerId, poolName });
  const dispatcher = makeDispatcher({
    registry,
    telemetry,
    codec,
    logger,
    redact,
    poolName,
    runnerId,
    exposeErrors,
    maxBodyBytes,
    idempotency: idempotency && makeIdempotencyGuard({ idempotency, logger, redact, runnerId, exposeErrors }),
    isolated,
  });
  const started =
    config.mode === "local" && Object.keys(config.hooks).length > 0
      ? startLocally(dispatcher, config.hooks, poolName, logger)
      : undefined;
  const client = makeClient({ config, telemetry, codec, local: started?.dispatcher ?? dispatcher });
  if (isolated === undefined && started === undefined) return client;
  const shutdown: Client["shutdown"] = async (graceMs = shutdownGraceMs) => {
    await Promise.all([client.shutdown(graceMs), isolated?.close(graceMs, graceMs), started?.stop(graceMs)]);
  };
  return { ...client, shutdown };
};
