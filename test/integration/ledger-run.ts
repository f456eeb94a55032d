/** A run of calls with complete records: the ledger of callers and handlers, the metrics, and every span that arrived. */
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

/** The records of a run, after its runners have ended and all telemetry was exported. */
export interface Accounts {
  /** Outcomes are `method status`. */
  readonly ledger: LedgerReport;
  readonly spans: ReadonlyArray<ReceivedSpan>;
  /** Increase of a metric during the run. */
  grown(name: string, labels?: Labels): number;
  /** Increase of a metric by label values, joined with spaces. Series that did not increase are omitted. */
  grownBy(name: string, ...labels: ReadonlyArray<string>): ReadonlyMap<string, number>;
}

export interface LedgerRun {
  readonly backend: ProcessBackend;
  /** Makes a call and records its outcome. Returns the pid of the runner, or `undefined` if the call failed. */
  call(method: MethodName, behavior: Behavior, ms: number, options?: CallOptions): Promise<number | undefined>;
  /** Increase of a metric so far. */
  grown(name: string, labels?: Labels): Promise<number>;
  /** Shuts the runners down, exports all telemetry, and returns the records. */
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

/** Starts a run with its own runners. Everything ends with the test. */
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
