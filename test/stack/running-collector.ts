/** A real collector under test, on free ports of this machine. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";
import { startProcess, type StartedProcess } from "../harness/start-process.ts";
import { waitFor } from "../harness/wait-for.ts";

const root = join(import.meta.dirname, "../..");

const found = inject("collector");

/** Whether there is a collector to test with. */
export const haveCollector = "binary" in found;

const binary = "binary" in found ? found.binary : "";

const configArgs = (names: ReadonlyArray<string>): ReadonlyArray<string> =>
  names.flatMap((name) => ["--config", join(root, "otel", name)]);

/** Has the collector itself judge configs, one on top of the other. Throws with what it says against them. */
export const validate = (names: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}): void => {
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

/** A collector that runs; it ends, and what it wrote goes, when it is disposed of. */
export interface RunningCollector extends AsyncDisposable {
  /** Where SDKs send to. */
  readonly otlpUrl: string;
  /** Where another collector sends to. */
  readonly grpcAddress: string;
  /** What Prometheus would scrape: span metrics, the service graph, pushed metrics. */
  metrics(): Promise<string>;
  /** What Prometheus would scrape of the collector itself. */
  ownMetrics(): Promise<string>;
  /** What `collector-file.yaml` has written so far. */
  written(): string;
  readonly process: StartedProcess;
  /** Starts it again, at the same addresses and with the same queue, after it has ended. */
  restart(): Promise<void>;
}

const scrape = async (port: number): Promise<string> => {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`, {
    headers: { accept: "application/openmetrics-text; version=1.0.0" },
  });
  if (!response.ok) throw new Error(`The scrape was answered with ${response.status}.`);
  return response.text();
};

/** Starts a collector and waits until it is healthy. */
export const startCollector = async (
  names: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {},
): Promise<RunningCollector> => {
  const folder = mkdtempSync(join(tmpdir(), "firelight-collector-"));
  const [http, grpc, exposed, own, health] = await Promise.all(Array.from({ length: 5 }, freePort));
  const file = join(folder, "telemetry.jsonl");
  const start = async (): Promise<StartedProcess> => {
    const started = await startProcess({
      command: [binary, ...configArgs(names)],
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
        FIRELIGHT_BATCH_FLUSH: "100ms",
        FIRELIGHT_METRICS_FLUSH: "500ms",
        FIRELIGHT_DECISION_WAIT: "20s",
        FIRELIGHT_DECISION_WAIT_AFTER_ROOT: "2s",
        FIRELIGHT_SLOW_MS: "2000",
        FIRELIGHT_SAMPLE_PERCENT: "0",
        ...env,
      },
    });
    let ended = false;
    void started.exited.then(() => (ended = true));
    await waitFor(async () => ended || (await fetch(`http://127.0.0.1:${health}`)).ok, {
      timeoutMs: 20_000,
      what: "the collector to be healthy",
      everyMs: 50,
    });
    if (ended) throw new Error(`The collector ended. It said:\n${started.output()}`);
    return started;
  };
  let current = await start();
  return {
    otlpUrl: `http://127.0.0.1:${http}`,
    grpcAddress: `127.0.0.1:${grpc}`,
    metrics: () => scrape(exposed!),
    ownMetrics: () => scrape(own!),
    written: () => (existsSync(file) ? readFileSync(file, "utf8") : ""),
    get process() {
      return current;
    },
    restart: async () => {
      current = await start();
    },
    [Symbol.asyncDispose]: async () => {
      await current[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
