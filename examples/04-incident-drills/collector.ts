/** A real OpenTelemetry Collector, with the configuration that ships, which writes what it keeps into a file. */
import { execFileSync, type ChildProcess, spawn } from "node:child_process";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { waitFor } from "../../test/harness/wait-for.ts";

const configs = ["collector.yaml", "collector-file.yaml"].map((name) => join(import.meta.dirname, "../../otel", name));

export interface Collector extends AsyncDisposable {
  /** Where SDKs send to. */
  readonly otlpUrl: string;
  /** Its own metrics. */
  readonly metricsUrl: string;
  /** What it keeps: OTLP in JSON. */
  readonly file: string;
  /** Ends it with SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again at the same addresses. */
  restart(): Promise<void>;
}

const freePort = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
};

/** Starts the collector `binary`, with its files in `folder`. */
export const startCollector = async (binary: string, folder: string): Promise<Collector> => {
  const [http, grpc, exposed, own, health] = await Promise.all(Array.from({ length: 5 }, freePort));
  const file = join(folder, "traces.jsonl");
  const env = {
    ...process.env,
    FIRELIGHT_BIND: "127.0.0.1",
    FIRELIGHT_OTLP_HTTP_PORT: String(http),
    FIRELIGHT_OTLP_GRPC_PORT: String(grpc),
    FIRELIGHT_PROMETHEUS_PORT: String(exposed),
    FIRELIGHT_TELEMETRY_PORT: String(own),
    FIRELIGHT_HEALTH_PORT: String(health),
    FIRELIGHT_QUEUE_DIR: join(folder, "queue"),
    FIRELIGHT_FILE: file,
    FIRELIGHT_DECISION_WAIT: "4s",
    FIRELIGHT_DECISION_WAIT_AFTER_ROOT: "1s",
    FIRELIGHT_SAMPLE_PERCENT: "100",
  };
  execFileSync(binary, ["validate", ...configs.flatMap((config) => ["--config", config])], { env, stdio: "pipe" });

  let child: ChildProcess;
  let ended: Promise<void>;
  const start = async (): Promise<void> => {
    child = spawn(
      binary,
      configs.flatMap((config) => ["--config", config]),
      { env, stdio: "ignore" },
    );
    ended = new Promise((resolve) => child.once("exit", () => resolve()));
    await waitFor(async () => (await fetch(`http://127.0.0.1:${health}`)).ok, {
      what: "the collector to be healthy",
      timeoutMs: 30_000,
      everyMs: 100,
    });
  };
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  process.on("exit", () => child.kill("SIGKILL"));
  await start();
  return {
    otlpUrl: `http://127.0.0.1:${http}`,
    metricsUrl: `http://127.0.0.1:${own}/metrics`,
    file,
    kill,
    restart: start,
    [Symbol.asyncDispose]: kill,
  };
};
