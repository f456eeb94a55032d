/**
 * Sends bursts of calls to a pool of processes, kills some of them, and shows how the pool reacted: its decisions and
 * their reasons, its size over time, and that every call ended exactly once.
 *
 *   npm run example:bursty -- [--out <folder for the log>]
 */
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { flame } from "firelight";
import { processBackend } from "firelight/backends/process";
import { Scrape } from "../shared/prometheus-text.ts";
import { openRunLog } from "../shared/run-log.ts";
import { heading } from "../shared/terminal.ts";
import { announceKill, announcePhase, Decisions } from "./decisions.ts";
import { Ledger } from "./ledger.ts";
import { playLoad } from "./load.ts";
import { report } from "./report.ts";
import { Timeline } from "./timeline.ts";
import { Killer } from "./trouble.ts";

const { values } = parseArgs({ options: { out: { type: "string" } } });
const out = resolve(values.out ?? join(import.meta.dirname, "out"));
await mkdir(out, { recursive: true });
const log = openRunLog(join(out, "run.log"));
const backend = processBackend({ entry: new URL("./runner.ts", import.meta.url), onOutput: log.onOutput });

heading("What the pool decides", "from onGrow, onShrink and onSaturated");
const timeline = new Timeline();
const decisions = new Decisions(timeline);
await flame.configure({
  mode: "parent",
  pools: {
    jobs: {
      backend,
      min: 0,
      max: 4,
      maxConcurrency: 4,
      maxQueue: 100,
      routing: "pack",
      idleShutdownMs: 600,
      ...decisions.hooks,
    },
  },
  logger: log.logger,
});
const pool = flame.pools["jobs"]!;

const ledger = new Ledger();
const killer = new Killer(backend, log.readyRunners, (runnerId) => announceKill(timeline, runnerId));
const stopWatching = timeline.watch(pool, ledger, (sample) => killer.strike(sample));

await playLoad(ledger, ({ name, callsPerSecond }) => {
  announcePhase(timeline, name, `${callsPerSecond} calls a second`);
  if (name === "burst" || name === "flood") setTimeout(() => killer.want(), 1_200);
});

announcePhase(timeline, "quiet", "no calls");
const giveUpAt = performance.now() + 8_000;
while (backend.running().length > 0 && performance.now() < giveUpAt) await sleep(20);
const left = backend.running().length;
stopWatching();
await flame.shutdown();

const asExpected = report({
  timeline,
  decisions,
  ledger,
  victims: killer.victims,
  killsWanted: 2,
  left,
  scrape: new Scrape(await flame.metrics()),
});
if (!asExpected) process.exitCode = 1;
