/** Shared by chaos tests: seeds, sizes, ledgers, real runners, and callers that record the outcome of each call. */
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { type Labels, Scrape } from "../../examples/shared/prometheus-text.ts";
import { type ProcessBackend, processBackend } from "../../src/backends/process.ts";
import { FlameError } from "../../src/contract/errors.ts";
import type { FlameConfig, PoolConfig } from "../../src/contract/config/options.ts";
import { flame } from "../../src/index.ts";
import { type Ledger, type LedgerReport, openLedger, readLedger } from "../harness/ledger.ts";
import { type StartedProcess, startProcess } from "../harness/start-process.ts";
import { watchWorstStarvation } from "./cpu-starvation.ts";

/** Whether this is the long run of FIRELIGHT_CHAOS=long. */
export const long = process.env["FIRELIGHT_CHAOS"] === "long";

/** The size of a test, for a long or a short run. */
export const size = (sizes: { readonly long: number; readonly short: number }): number =>
  long ? sizes.long : sizes.short;

/** Random numbers from a seed. */
export interface Chance {
  /** From 0 (inclusive) to 1 (exclusive). */
  (): number;
  /** An integer from `least` to `most`, both inclusive. */
  whole(least: number, most: number): number;
  /** One of the items. */
  pick<A>(items: ReadonlyArray<A>): A;
}

/** Creates random numbers from FIRELIGHT_SEED or a new seed, and prints the seed so that a failure can be repeated. */
export const seeded = (): Chance => {
  const given = process.env["FIRELIGHT_SEED"];
  let state = given === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(given);
  console.log(`seed ${state} (FIRELIGHT_SEED=${state} repeats it)`);
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const whole = (least: number, most: number): number => least + Math.floor(next() * (most - least + 1));
  return Object.assign(next, { whole, pick: <A>(items: ReadonlyArray<A>): A => items[whole(0, items.length - 1)]! });
};

/** The valid outcomes of a call. */
export const typedOutcomes: ReadonlySet<string> = new Set([
  "ok",
  "transport_error",
  "timeout",
  "canceled",
  "remote_error",
  "no_runner",
  "unavailable",
  "overloaded",
]);

/** How a call ended. Times are milliseconds since 1970. */
export interface Ended {
  readonly id: string;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly value: unknown;
  /** `undefined` for a success. */
  readonly error: FlameError | undefined;
}

/** The ledger of one test, and the notes of its handlers. */
export interface Books {
  readonly env: Readonly<Record<string, string>>;
  /** Makes a call and records its start and its end. */
  call(id: string, run: () => Promise<unknown>): Promise<Ended>;
  read(): LedgerReport;
  /** Times of an event that handlers noted, by key. */
  noted(word: string): ReadonlyMap<string, number>;
  /** A time limit, plus the longest times that this process and a runner waited for the CPU since the test started. */
  allow(ms: number): number;
}

export const now = (): number => performance.timeOrigin + performance.now();

const openBooks = (ledger: Ledger, path: string, notes: string, starvedMs: () => number): Books => {
  const noted = (word: string): ReadonlyMap<string, number> => {
    const lines = existsSync(notes) ? readFileSync(notes, "utf8").split("\n") : [];
    const fields = lines.map((line) => line.split(" ")).filter(([noted]) => noted === word);
    return new Map(fields.map(([, key, at]) => [key!, Number(at)]));
  };
  return {
    env: { CHAOS_LEDGER: path, CHAOS_NOTES: notes },
    call: async (id, run) => {
      const startedAt = now();
      ledger.start(id);
      let value: unknown;
      let error: unknown;
      try {
        value = await run();
        ledger.end(id, "ok");
      } catch (thrown) {
        error = thrown;
        ledger.end(id, thrown instanceof FlameError ? thrown.code : `untyped: ${String(thrown)}`);
      }
      return { id, startedAt, endedAt: now(), value, error: error as FlameError | undefined };
    },
    read: () => readLedger(path, typedOutcomes),
    noted,
    allow: (ms) => ms + starvedMs() + Math.max(0, ...noted("starved").values()),
  };
};

/** Opens a ledger in a temporary folder, which is removed when the test ends. */
export const books = (): Books => {
  const folder = mkdtempSync(join(tmpdir(), "firelight-chaos-"));
  const path = join(folder, "ledger");
  appendFileSync(path, "");
  const ledger = openLedger(path);
  let starvedMs = 0;
  const stopWatching = watchWorstStarvation((ms) => (starvedMs = ms));
  onTestFinished(() => {
    stopWatching();
    ledger.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return openBooks(ledger, path, join(folder, "notes"), () => starvedMs);
};

const silent = { info: () => {}, warn: () => {}, error: () => {} };
const entry = new URL("./fixtures/runner.ts", import.meta.url);

const configure = async (config: FlameConfig): Promise<void> => {
  onTestFinished(() => flame.shutdown());
  await flame.configure({ mode: "parent", logger: silent, ...config });
};

/** Configures a pool that starts its own runner processes. */
export const elastic = async (pool: PoolConfig, env: Readonly<Record<string, string>>): Promise<ProcessBackend> => {
  const backend = processBackend({ entry, logs: "ignore", env });
  await configure({ pools: { default: { spawnTimeoutMs: 30_000, backend, ...pool } }, security: {} });
  return backend;
};

export const secret = "a secret of the chaos tests only";

/** A runner that was started without a pool, as by an operator. */
export interface LoneRunner extends StartedProcess {
  readonly id: string;
  readonly url: string;
}

/** Starts a runner. `port` reuses that of an earlier one. */
export const startRunner = async (id: string, env: Readonly<Record<string, string>>, port = 0): Promise<LoneRunner> => {
  const runner = await startProcess({
    command: [process.execPath, fileURLToPath(entry)],
    env: {
      ...env,
      FLAME_MODE: "runner",
      FLAME_RUNNER_ID: id,
      FLAME_SECRET: secret,
      FLAME_HOST: "127.0.0.1",
      FLAME_PORT: String(port),
    },
  });
  onTestFinished(() => runner[Symbol.asyncDispose]());
  const [, url] = await runner.waitForOutput(/^ready (\S+)$/m);
  return Object.assign(runner, { id, url: url! });
};

/** Configures a pool of static runners. */
export const fixed = (runners: ReadonlyArray<LoneRunner>, pool: PoolConfig = {}): Promise<void> =>
  configure({
    security: { secret },
    pools: { default: { runners: runners.map(({ id, url }) => ({ id, url })), ...pool } },
  });

/** The sum of a metric's series with these labels. */
export const metric = async (name: string, labels?: Labels): Promise<number> =>
  new Scrape(await flame.metrics()).sum(name, labels);

/** The quantile `share` of the values, such as 0.99. */
export const quantile = (values: ReadonlyArray<number>, share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;

/** A measured time, and its limit on this machine at that time. */
export interface Measured {
  readonly ms: number;
  readonly limitMs: number;
}

/**
 * Repeats a measurement until it is within its limit, at most `rounds` times, and returns the last one. Other work on the
 * machine slows some rounds down; a fault in the code slows down all of them.
 */
export const measureRounds = async (
  rounds: number,
  measure: (round: number) => Promise<Measured>,
): Promise<Measured> => {
  let last: Measured = { ms: Infinity, limitMs: 0 };
  for (let round = 0; round < rounds && last.ms > last.limitMs; round++) last = await measure(round);
  return last;
};

/** Runs `work` repeatedly in `lanes` concurrent lanes while `more` returns true. */
export const keepBusy = async (
  lanes: number,
  more: () => boolean,
  work: (turn: number) => Promise<unknown>,
): Promise<void> => {
  let turn = 0;
  // Stop when the test fails: calls that are rejected at once would block the event loop, and the failure would never be reported.
  let finished = false;
  onTestFinished(() => {
    finished = true;
  });
  const lane = async (): Promise<void> => {
    while (more() && !finished) await work(turn++);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
};
