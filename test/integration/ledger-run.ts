/** A run of calls of which everything is kept: the ledger of callers and handlers, the metrics, and every span that arrived. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type Labels, Scrape } from "../../examples/shared/prometheus-text.ts";
import { processBackend, type ProcessBackend } from "../../src/backends/process.ts";
import type { CallOptions, PoolConfig } from "../../src/contract/config/options.ts";
import { flame } from "../../src/index.ts";
import { startOpenTelemetry } from "../../src/otel/index.ts";
import { openLedger, readLedger, type LedgerReport } from "../harness/ledger.ts";
import { startReceiver, type ReceivedSpan } from "../otel/otlp-receiver.ts";
import { Booked, type Behavior } from "./fixtures/ledger-services.ts";
import { silent } from "./setup.ts";

type MethodName = "work" | "other";

/** What is left when a run is over, its runners have ended and everything was sent. */
export interface Accounts {
  /** Outcomes are `method status`. */
  readonly ledger: LedgerReport;
  readonly spans: ReadonlyArray<ReceivedSpan>;
  /** How much a metric grew in the run. */
  grown(name: string, labels?: Labels): number;
  /** How much a metric grew, by the values of some labels with a space between them; what did not grow is left out. */
  grownBy(name: string, ...labels: ReadonlyArray<string>): ReadonlyMap<string, number>;
}

export interface LedgerRun {
  readonly backend: ProcessBackend;
  /** Makes a call and books how it ended. Gives the process of the runner, `undefined` if it failed. */
  call(method: MethodName, behavior: Behavior, ms: number, options?: CallOptions): Promise<number | undefined>;
  /** How much a metric has grown so far. */
  grown(name: string, labels?: Labels): Promise<number>;
  /** Ends the runners in order, and closes the books. */
  end(): Promise<Accounts>;
}

export interface BookedRunOptions {
  readonly pool?: PoolConfig;
  /** Added to the environment of the runners. */
  readonly env?: Readonly<Record<string, string>>;
}

const statuses =
  "OK CANCELLED DEADLINE_EXCEEDED RESOURCE_EXHAUSTED UNAVAILABLE UNKNOWN INTERNAL INVALID_ARGUMENT".split(" ");
const outcomes: ReadonlySet<string> = new Set(
  ["booked/work", "booked/other"].flatMap((method) => statuses.map((status) => `${method} ${status}`)),
);

/** Begins a run with runners of its own; whatever is left of it ends with the test. */
export const startLedgerRun = async ({ pool = {}, env = {} }: BookedRunOptions = {}): Promise<LedgerRun> => {
  const folder = mkdtempSync(join(tmpdir(), "firelight-booked-"));
  const path = join(folder, "ledger");
  const ledger = openLedger(path);
  const receiver = await startReceiver();
  const otel = startOpenTelemetry({ serviceName: "parent", endpoint: receiver.url });
  onTestFinished(async () => {
    await flame.shutdown();
    await otel.shutdown();
    await receiver[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });
  const backend = processBackend({
    entry: new URL("./fixtures/ledger-runner.ts", import.meta.url),
    logs: "ignore",
    env: { BOOKED_LEDGER: path, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...env },
  });
  await flame.configure({
    mode: "parent",
    logger: silent,
    pools: { default: { backend, spawnTimeoutMs: 20_000, ...pool } },
  });
  const scrape = async () => new Scrape(await flame.metrics());
  const before = await scrape();

  let calls = 0;
  return {
    backend,
    call: async (method, behavior, ms, options = {}) => {
      const id = `${method}-${++calls}`;
      ledger.start(id);
      const end = (status: string): void => ledger.end(id, `booked/${method} ${status}`);
      try {
        const pid = await Booked[method].with(options)(behavior, ms);
        end("OK");
        return pid;
      } catch (error) {
        end((error as { readonly status?: string }).status ?? String(error));
        return undefined;
      }
    },
    grown: async (name, labels) => (await scrape()).sum(name, labels) - before.sum(name, labels),
    end: async () => {
      await flame.shutdown();
      await otel.flush();
      ledger.close();
      const after = await scrape();
      const grown = (name: string, labels?: Labels): number => after.sum(name, labels) - before.sum(name, labels);
      return {
        ledger: readLedger(path, outcomes),
        spans: receiver.spans.filter(({ scope }) => scope === "firelight"),
        grown,
        grownBy: (name, ...labels) => {
          const keys = after
            .samples(name)
            .map((sample) => labels.map((label) => [label, sample.labels[label] ?? ""] as const));
          const counted = keys.map(
            (pairs) => [pairs.map(([, value]) => value).join(" "), grown(name, Object.fromEntries(pairs))] as const,
          );
          return new Map(counted.filter(([, count]) => count !== 0));
        },
      };
    },
  };
};
