/** The observed service, in its own processes: a parent with its runners, and a static runner that is scraped too. */
import { fileURLToPath } from "node:url";
import { startProcess, type StartedProcess } from "../../harness/start-process.ts";
import type { ScrapeJob } from "./prometheus.ts";

export interface Shop extends AsyncDisposable {
  /** Scrape targets: the parent, and the runner of the pool `books`. */
  readonly jobs: ReadonlyArray<ScrapeJob>;
  /** The URL of the runner of the pool `books`. */
  readonly booksUrl: string;
  /** Waits until the parent has finished this round of faults. */
  untilRound(round: number, timeoutMs?: number): Promise<void>;
  /** Shuts the parent down. */
  stop(): Promise<void>;
}

const secret = "a secret of the stack's shop";

const program = (name: string): [string, string] => [
  process.execPath,
  fileURLToPath(new URL(`../fixtures/${name}.ts`, import.meta.url)),
];

const address = async (started: StartedProcess, pattern: RegExp): Promise<string> =>
  (await started.waitForOutput(pattern, 30_000))[1]!;

/** Starts the shop, which exports traces and log records to the OTLP/HTTP receiver at `otlpUrl`. */
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
