/** A Firelight instance: definitions, a client made from the configuration, and the runner server. */
import { makeCodec } from "./contract/codec/codec.ts";
import { configSchema } from "./contract/config/config-schema.ts";
import { configSymbol, mergeConfig, resolveConfig, type ResolvedConfig } from "./contract/config/resolve-config.ts";
import { makeDecorators, type MethodDecoratorMaker, type ServiceDecorator } from "./contract/api/decorators.ts";
import { InvokeError } from "./contract/errors.ts";
import { flushAll } from "./contract/process/flush.ts";
import { having } from "./contract/validation/option-checks.ts";
import { object, readOption } from "./contract/validation/option-schema.ts";
import type { FlameConfig } from "./contract/config/options.ts";
import { resolveRunnerHooks } from "./contract/config/runner-hooks.ts";
import { createRegistry, type Registry } from "./contract/api/registry.ts";
import { toEffect, type ToEffect } from "./contract/api/remote-method.ts";
import type { Client } from "./parent/client.ts";
import type { PoolHandle } from "./parent/pool/stats.ts";
import { callerOf } from "./instance-caller.ts";
import { makeServiceFactories, type ServiceFactories } from "./service-factories.ts";
import { trackInstance } from "./reload.ts";
import { readRunnerOptions, type RunnerServerOptions } from "./runner/options.ts";
import { createRunnerServer, type RunnerServer } from "./runner/server.ts";
import { SenderClock } from "./parent/sender-clock.ts";
import { serveInIsolate, isolateServerStub } from "./runner/isolation/isolate-server.ts";
import { runnerLink } from "./runner/isolation/runner-link.ts";
import { RunningServers } from "./running-servers.ts";
import { createClient, makeTelemetryStack, type TelemetryStack } from "./wiring.ts";

/** The metrics of an instance. */
export interface MetricsReader {
  /** All metrics, in the text format of Prometheus; empty with `telemetry.metrics: false`. */
  (): Promise<string>;
  /** The `content-type` header to send with them. */
  readonly contentType: string;
}

/**
 * A Firelight instance. As a function, it decorates methods: `@flame({ id: "charge", pool: "gpu" })`.
 *
 * It starts nothing and reads no environment variable before it is configured or used.
 *
 * @param options the method id, or options of the method
 */
export interface Flame extends MethodDecoratorMaker, ServiceFactories, AsyncDisposable {
  /** The services and methods that this process can run. */
  readonly registry: Registry;
  /** Decorates classes: `@flame.serviceDecorator("math") class MathService { … }`. */
  readonly serviceDecorator: ServiceDecorator;
  /** Converts a remote method or a whole service to Effects. */
  readonly toEffect: ToEffect;
  /** The pools of the current configuration: `flame.pools.gpu.update({ max: 8 })`, `flame.pools.gpu.stats()`. */
  readonly pools: Readonly<Record<string, PoolHandle>>;
  /** Metrics of calls and pools: `response.end(await flame.metrics())`. */
  readonly metrics: MetricsReader;
  /**
   * Merges a configuration into the current one: `pools` by name, `security` and `telemetry` field by field,
   * everything else as a whole. Running calls keep the configuration that they started with. Resolves when the
   * earlier pools are drained and their runners have ended.
   *
   * On a parent, pools with `min` start their runners at once; on a runner, with its first call.
   *
   * A running server of this instance keeps its configuration. A change of `security`, `invokePath`, `maxBodyBytes`,
   * `exposeErrors`, `idempotency`, `isolation`, `defaultPool`, `mode`, `logger` or `telemetry` that would not reach
   * it is rejected: configure before `createRunnerServer`, pass the field to it, or stop the server first.
   *
   * @param config the fields to change
   * @throws {ConfigError} (as a rejection) naming the field and how to fix it. The earlier configuration stays.
   */
  configure(config: FlameConfig): Promise<void>;
  /**
   * Starts a server for the registered methods, on `port` of `hostname`. Returns at once; `ready` resolves when it
   * listens. In a worker or child process that a runner started for `isolation`, it serves only that runner, and
   * `ready` never resolves: code after it runs once, on the runner.
   *
   * @param options options of the server; environment and configuration provide the rest
   * @throws {ConfigError} for an invalid option. If the port is not available, `ready` rejects instead.
   *
   * @example
   * ```ts
   * const server = flame.createRunnerServer({ port: 8080, security: { secret: process.env.FLAME_SECRET } });
   * await server.ready;
   * ```
   */
  createRunnerServer(options?: RunnerServerOptions): RunnerServer;
  /**
   * Stops pools and their runners, then the servers of this instance, then flushes telemetry. Later calls fail with
   * `unavailable` until `configure` is called again.
   */
  shutdown(): Promise<void>;
}

/** Parts that instances can share. */
export interface FlameParts {
  /** The registry of services and methods. Default: a new one. */
  readonly registry?: Registry;
}

/** Timeout for flushing telemetry at shutdown, in milliseconds. */
const flushTimeoutMs = 5_000;

const partsSchema = object<FlameParts>({
  registry: having<Registry>("a registry, as createRegistry() makes it", [
    "register",
    "getService",
    "getMethod",
    "find",
    "services",
  ]),
});

const endedError = (): InvokeError =>
  new InvokeError("unavailable", "This Firelight instance was shut down. Call configure() to use it again.", {
    retryable: false,
  });

/** The mutable part of an instance: its configuration, and what was made from it. */
class Instance {
  readonly #registry: Registry;
  readonly #codec = makeCodec();
  readonly #servers = new RunningServers();
  /** Starts with the configuration, so that a step of the system clock before the first call is detected. */
  #clock = new SenderClock();
  #config: FlameConfig;
  #resolved: ResolvedConfig | undefined;
  #telemetryStack: TelemetryStack | undefined;
  #client: Client | undefined;
  #ended = false;
  #ending: Promise<void> | undefined;

  constructor(config: FlameConfig, registry: Registry) {
    this.#config = config;
    this.#registry = registry;
  }

  /** The configuration as it was given. */
  get given(): FlameConfig {
    return this.#config;
  }

  get resolved(): ResolvedConfig {
    return (this.#resolved ??= resolveConfig(this.#config, process.env));
  }

  get telemetryStack(): TelemetryStack {
    return this.#makeTelemetryStack(this.resolved);
  }

  /** Set while a package is loading that calls need. */
  get loading(): Promise<void> | undefined {
    return this.#telemetryStack?.metrics?.loading;
  }

  get client(): Client {
    if (this.#ended) throw endedError();
    return (this.#client ??= this.#createClient(this.resolved));
  }

  async configure(config: FlameConfig): Promise<void> {
    const earlier = readOption(configSchema, this.#config, "createFlame", "the configuration");
    const merged = mergeConfig(earlier, readOption(configSchema, config, "configure", "the configuration"));
    const resolved = resolveConfig(merged, process.env);
    this.#servers.refuseChange(resolved, process.env);
    this.#clock = new SenderClock();
    const client = resolved.mode === "parent" ? this.#createClient(resolved) : undefined;
    const before = this.#client;
    this.#config = merged;
    this.#resolved = resolved;
    this.#client = client;
    this.#ended = false;
    await Promise.all([before?.shutdown(), this.loading]);
  }

  serve(given: RunnerServerOptions): RunnerServer {
    if (this.#ended) throw endedError();
    const options = readRunnerOptions(given);
    const { telemetry, metrics, logger, redact } = this.telemetryStack;
    const link = runnerLink();
    if (link !== undefined) {
      serveInIsolate(link, {
        registry: this.#registry,
        telemetry,
        logger,
        redact,
        hooks: resolveRunnerHooks(options, this.resolved.hooks),
        shutdown: () => this.shutdown(),
      });
      return isolateServerStub(link.settings);
    }
    const config = this.resolved;
    const server = createRunnerServer(
      {
        config,
        registry: this.#registry,
        telemetry,
        metrics,
        loading: metrics?.loading,
        logger,
        redact,
        env: process.env,
      },
      options,
    );
    return this.#servers.add(server, { options, config });
  }

  shutdown(): Promise<void> {
    const client = this.#client;
    const earlier = this.#ending;
    this.#client = undefined;
    this.#ended = true;
    this.#ending = this.#end(client, this.#servers.takeAll(), earlier);
    return this.#ending;
  }

  /** Shuts down after a reload has replaced this instance. Ports are freed first, for the next servers. */
  async replaced(): Promise<void> {
    await Promise.all([this.#servers.stopReplaced(), this.shutdown()]);
  }

  /** Replaces its runners after a reload has changed the code that they run. */
  async renewed(): Promise<void> {
    if (this.#client !== undefined) await this.configure({});
  }

  async #end(
    client: Client | undefined,
    stopServers: () => Promise<void>,
    earlier: Promise<void> | undefined,
  ): Promise<void> {
    try {
      await client?.shutdown();
    } finally {
      await Promise.all([earlier, stopServers()]);
      await flushAll(flushTimeoutMs);
    }
  }

  #makeTelemetryStack(config: ResolvedConfig): TelemetryStack {
    return (this.#telemetryStack = makeTelemetryStack(config, this.#telemetryStack));
  }

  #createClient(config: ResolvedConfig): Client {
    return createClient(
      config,
      this.#registry,
      this.#codec,
      this.#makeTelemetryStack(config),
      process.env,
      this.#clock,
    );
  }
}

/**
 * Creates an instance with its own configuration, pools, metrics and registry. Most programs use the exported
 * `flame`.
 *
 * @param config the configuration; checked when the instance is used
 * @param parts parts to share with other instances
 * @throws {ConfigError} for invalid `parts`.
 *
 * @example
 * ```ts
 * await using flame = createFlame({ mode: "local" });
 * const ping = flame.fn("ping", async () => "pong");
 * await ping(); // "pong"
 * ```
 */
export const createFlame = (config: FlameConfig = {}, parts: FlameParts = {}): Flame => {
  const registry = readOption(partsSchema, parts, "createFlame", "parts").registry ?? createRegistry();
  const state = new Instance(config, registry);
  const definitions = trackInstance(createFlame, registry, state);

  const caller = callerOf(state);
  const isRunner = (): boolean => {
    try {
      return state.resolved.mode === "runner";
    } catch {
      return false;
    }
  };

  const decorators = makeDecorators({ registry: definitions, caller, isRunner });
  const metrics = Object.defineProperty(async () => (await state.telemetryStack.metrics?.text()) ?? "", "contentType", {
    get: () => state.telemetryStack.metrics?.contentType ?? "text/plain; version=0.0.4; charset=utf-8",
    enumerable: true,
  }) as MetricsReader;

  const shutdown = (): Promise<void> => state.shutdown();
  const instance = Object.assign(decorators.method, makeServiceFactories(definitions, caller), {
    registry,
    serviceDecorator: decorators.service,
    toEffect,
    metrics,
    configure: (next: FlameConfig) => state.configure(next),
    createRunnerServer: (options: RunnerServerOptions = {}) => state.serve(options),
    shutdown,
    [Symbol.asyncDispose]: shutdown,
  });
  return Object.defineProperties(instance, {
    pools: { get: () => state.client.pools, enumerable: true },
    [configSymbol]: { get: () => state.given },
  }) as typeof instance & Pick<Flame, "pools">;
};

/** The default instance, which most programs use. */
export const flame: Flame = createFlame();

/** Decorates classes as services of {@link flame}: `@flameService("billing", { pool: "default" })`. */
export const flameService: ServiceDecorator = flame.serviceDecorator;
