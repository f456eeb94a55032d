/** Runs an OpenTelemetry Collector with the shipped configuration, on free ports of this machine. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startProcess, type StartedProcess } from "./start-process.ts";
import { waitFor } from "./wait-for.ts";

const root = join(import.meta.dirname, "../..");

const configArgs = (names: ReadonlyArray<string>): ReadonlyArray<string> =>
  names.flatMap((name) => ["--config", join(root, "otel", name)]);

/**
 * Validates configurations of `otel/` with the collector, each merged over the previous one.
 *
 * @throws {Error} with the collector's output if it rejects them.
 */
export const validateConfigs = (
  binary: string,
  names: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {},
): void => {
  execFileSync(binary, ["validate", ...configArgs(names)], {
    env: { ...process.env, ...env },
    encoding: "utf8",
    stdio: "pipe",
  });
};

/** A port of this machine that nothing listens on. */
export const freePort = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
};

export interface CollectorStart {
  readonly binary: string;
  /** Files of `otel/`, each merged over the previous one. */
  readonly configs: ReadonlyArray<string>;
  /** Settings of the configuration, other than the ports and the folder. */
  readonly env?: Readonly<Record<string, string>>;
  /** Folder of the collector's queue and output file. Default: a temporary folder, removed on disposal. */
  readonly folder?: string;
}

/** A collector that runs until it is disposed of. */
export interface RunningCollector extends AsyncDisposable {
  /** OTLP over HTTP, for SDKs. */
  readonly otlpUrl: string;
  /** OTLP over gRPC, for another collector. */
  readonly grpcAddress: string;
  /** Span metrics, the service graph and pushed metrics, for Prometheus. */
  readonly metricsUrl: string;
  /** The collector's own metrics, for Prometheus. */
  readonly ownMetricsUrl: string;
  /** Scrapes {@link metricsUrl}. */
  metrics(): Promise<string>;
  /** Scrapes {@link ownMetricsUrl}. */
  ownMetrics(): Promise<string>;
  /** The file that `collector-file.yaml` writes: OTLP in JSON, one message a line. */
  readonly file: string;
  /** The content of {@link file} so far. */
  written(): string;
  readonly process: StartedProcess;
  /** Restarts it, after it has exited, with the same addresses and queue. */
  restart(): Promise<void>;
}

const scrape = async (url: string): Promise<string> => {
  const response = await fetch(url, { headers: { accept: "application/openmetrics-text; version=1.0.0" } });
  if (!response.ok) throw new Error(`Scraping ${url} failed with status ${response.status}.`);
  return response.text();
};

/** Starts a collector and waits until it is healthy. */
export const startCollector = async ({
  binary,
  configs,
  env = {},
  folder: given,
}: CollectorStart): Promise<RunningCollector> => {
  const folder = given ?? mkdtempSync(join(tmpdir(), "firelight-collector-"));
  const [http, grpc, exposed, own, health] = await Promise.all(Array.from({ length: 5 }, freePort));
  const file = join(folder, "telemetry.jsonl");
  const start = async (): Promise<StartedProcess> => {
    const started = await startProcess({
      command: [binary, ...configArgs(configs)],
      cwd: folder,
      env: {
        FIRELIGHT_BIND: "127.0.0.1",
        FIRELIGHT_OTLP_HTTP_PORT: String(http),
        FIRELIGHT_OTLP_GRPC_PORT: String(grpc),
        FIRELIGHT_PROMETHEUS_PORT: String(exposed),
        FIRELIGHT_TELEMETRY_PORT: String(own),
        FIRELIGHT_HEALTH_PORT: String(health),
        FIRELIGHT_QUEUE_DIR: join(folder, "queue"),
        FIRELIGHT_FILE: file,
        ...env,
      },
    });
    let hasEnded = false;
    void started.exited.then(() => (hasEnded = true));
    await waitFor(async () => hasEnded || (await fetch(`http://127.0.0.1:${health}`)).ok, {
      timeoutMs: 30_000,
      what: "the collector to be healthy",
      everyMs: 50,
    });
    if (hasEnded) throw new Error(`The collector exited before it was healthy:\n${started.output()}`);
    return started;
  };
  let current = await start();
  const metricsUrl = `http://127.0.0.1:${exposed}/metrics`;
  const ownMetricsUrl = `http://127.0.0.1:${own}/metrics`;
  return {
    otlpUrl: `http://127.0.0.1:${http}`,
    grpcAddress: `127.0.0.1:${grpc}`,
    metricsUrl,
    ownMetricsUrl,
    metrics: () => scrape(metricsUrl),
    ownMetrics: () => scrape(ownMetricsUrl),
    file,
    written: () => (existsSync(file) ? readFileSync(file, "utf8") : ""),
    get process() {
      return current;
    },
    restart: async () => {
      current = await start();
    },
    [Symbol.asyncDispose]: async () => {
      await current[Symbol.asyncDispose]();
      if (given === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
};
