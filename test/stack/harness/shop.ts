/** The service under observation, in processes of its own: a parent with its runners, and one runner that is scraped itself. */
import { fileURLToPath } from "node:url";
import { startProcess, type StartedProcess } from "../../harness/start-process.ts";
import type { ScrapeJob } from "./prometheus.ts";

export interface Shop extends AsyncDisposable {
  /** What Prometheus is to scrape: the parent, and the runner of the pool `books`. */
  readonly jobs: ReadonlyArray<ScrapeJob>;
  /** Where the runner of the pool `books` takes requests. */
  readonly booksUrl: string;
  /** Waits until the parent has gone through so many rounds of trouble. */
  untilRound(round: number, timeoutMs?: number): Promise<void>;
  /** Ends the parent in order. */
  stop(): Promise<void>;
}

const secret = "a secret of the stack's shop";

const program = (name: string): [string, string] => [
  process.execPath,
  fileURLToPath(new URL(`../fixtures/${name}.ts`, import.meta.url)),
];

const address = async (started: StartedProcess, pattern: RegExp): Promise<string> =>
  (await started.waitForOutput(pattern, 30_000))[1]!;

/** Starts the shop; it sends its traces and log records to the OTLP/HTTP receiver at `otlpUrl`. */
export const startShop = async (otlpUrl: string): Promise<Shop> => {
  const telemetry = {
    OTEL_EXPORTER_OTLP_ENDPOINT: otlpUrl,
    OTEL_BSP_SCHEDULE_DELAY: "200",
    FLAME_SECRET: secret,
    NODE_ENV: undefined,
  };
  const books = await startProcess({
    command: program("shop-runner"),
    env: {
      ...telemetry,
      FLAME_MODE: "runner",
      FLAME_RUNNER_ID: "books-1",
      FLAME_POOL: "books",
      FLAME_HOST: "127.0.0.1",
      FLAME_PORT: "0",
    },
  });
  const booksUrl = await address(books, /^ready (\S+)$/m);
  const parent = await startProcess({
    command: program("shop"),
    env: { ...telemetry, FLAME_MODE: "parent", SHOP_BOOKS_URL: booksUrl },
  });
  const metricsUrl = await address(parent, /^serving (\S+)$/m);

  const stop = async (): Promise<void> => {
    parent.kill("SIGTERM");
    await parent.exited;
  };
  return {
    jobs: [
      { job: "shop", url: metricsUrl },
      { job: "shop-runner", url: `${booksUrl}/metrics` },
    ],
    booksUrl,
    untilRound: async (round, timeoutMs = 120_000) => {
      await parent.waitForOutput(new RegExp(`^round ${round}$`, "m"), timeoutMs);
    },
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
      await parent[Symbol.asyncDispose]();
      await books[Symbol.asyncDispose]();
    },
  };
};
