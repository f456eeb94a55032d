/**
 * What stands behind an instance while one configuration holds: the client that
 * carries its calls, and what observes them.
 */
import type { Codec } from "./contract/codec.ts";
import type { Logger } from "./contract/options.ts";
import type { ResolvedConfig } from "./contract/resolve-config.ts";
import type { Registry } from "./contract/registry.ts";
import { makeClient, type Client } from "./parent/client.ts";
import { makeDispatcher } from "./runner/dispatch.ts";
import { consoleLogger, makeLogSink } from "./telemetry/logs.ts";
import { makeOtelTracer } from "./telemetry/opentelemetry.ts";
import { makeMetrics, type Metrics } from "./telemetry/prometheus.ts";
import { makeTelemetry, type Telemetry } from "./telemetry/telemetry.ts";

/** What an instance tells about itself, and to whom. */
export interface Observation {
  readonly telemetry: Telemetry;
  readonly metrics: Metrics | undefined;
  readonly logger: Logger;
}

/** Puts the adapters that the configuration asks for behind the seam. */
export const observe = (config: ResolvedConfig): Observation => {
  const { baggageKeys, metrics: wanted, traces } = config.telemetry;
  const logger = config.logger ?? consoleLogger;
  const metrics = wanted === false ? undefined : makeMetrics(wanted === true ? {} : { registry: wanted });
  const sinks = [makeLogSink(logger), ...(metrics === undefined ? [] : [metrics])];
  return { telemetry: makeTelemetry(makeOtelTracer({ baggageKeys, enabled: traces }), sinks), metrics, logger };
};

/** Whether two configurations are observed alike, so that counters can go on. */
export const observedAlike = (one: ResolvedConfig, other: ResolvedConfig): boolean =>
  one.logger === other.logger &&
  one.telemetry.metrics === other.telemetry.metrics &&
  one.telemetry.traces === other.telemetry.traces &&
  one.telemetry.baggageKeys.join() === other.telemetry.baggageKeys.join();

/** Whether calls run in this process: in local mode, and on a runner that was given no pools of its own. */
const runsHere = (config: ResolvedConfig): boolean =>
  config.mode === "local" || (config.mode === "runner" && config.pools.size === 0);

/** Makes the client of a configuration. */
export const connect = (
  config: ResolvedConfig,
  registry: Registry,
  codec: Codec,
  { telemetry, logger }: Observation,
): Client => {
  if (!runsHere(config)) return makeClient({ config, telemetry, codec });
  const local = makeDispatcher({
    registry,
    telemetry,
    codec,
    logger,
    poolName: config.defaultPool,
    runnerId: "local",
    exposeErrors: config.exposeErrors,
    maxBodyBytes: config.maxBodyBytes,
  });
  return makeClient({ config, telemetry, codec, local });
};
