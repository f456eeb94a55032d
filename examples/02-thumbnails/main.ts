/**
 * Creates thumbnails of a folder of photos on runners, injects failures, and then shows the result using only metrics
 * and traces.
 *
 *   npm run example:thumbnails [-- path/to/photos] [--out folder]
 */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { flame } from "firelight";
import { processBackend } from "firelight/backends/process";
import { startOpenTelemetry } from "firelight/otel";
import { Books, callsPerPicture, makeAlbum } from "./album.ts";
import { startOtlpReceiver } from "../shared/otlp-receiver.ts";
import { findPhotos, paintPhotos } from "./photos.ts";
import { watchPeak } from "./pool-report.ts";
import { Scrape } from "../shared/prometheus-text.ts";
import { report } from "./report.ts";
import { openRunLog } from "../shared/run-log.ts";
import { Images } from "./services.ts";
import { readSpans, runnerService } from "./spans.ts";
import { progressBar } from "../shared/terminal.ts";
import { makeKiller, truncatedCopy } from "./trouble.ts";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { out: { type: "string" } } });
const out = resolve(values.out ?? join(import.meta.dirname, "out"));
const collector = process.env["OTEL_EXPORTER_OTLP_ENDPOINT"];

if (values.out === undefined) await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
if ((await readdir(out)).length > 0) throw new Error(`${out} is not empty. Choose a new folder with --out.`);

const folder = positionals[0] ?? join(import.meta.dirname, "photos");
if (positionals[0] === undefined) await paintPhotos(folder, { onPainted: progressBar("painting photos") });
const photos = await findPhotos(folder);
if (photos.length === 0) throw new Error(`${folder} contains no pictures.`);
const pictures = [...photos, await truncatedCopy(photos[0]!, out)];

const receiver = await startOtlpReceiver({ folder: out, forwardTo: collector });
Object.assign(process.env, receiver.environment);
const otel = startOpenTelemetry({ serviceName: "thumbnails" });

const log = openRunLog(join(out, "run.log"));
const backend = processBackend({
  entry: new URL("./runner.ts", import.meta.url),
  env: { OTEL_SERVICE_NAME: runnerService, OTEL_BSP_SCHEDULE_DELAY: "200" },
  onOutput: log.onOutput,
});
await flame.configure({
  mode: "parent",
  pools: { images: { min: 0, max: 2, maxConcurrency: 2, backend } },
  logger: log.logger,
});

const calls = pictures.length * callsPerPicture + 1;
const showProgress = progressBar("images");
showProgress(0, calls);
const killer = makeKiller(backend, flame.metrics, log.readyRunners);
const books = new Books((settled) => {
  showProgress(settled, calls);
  const beforeTheBrokenOne = settled < calls - 4 * callsPerPicture;
  if (settled >= calls / 3 && beforeTheBrokenOne) void killer.strike();
});
const peakSoFar = watchPeak(flame.metrics);

const startedAt = performance.now();
const album = await makeAlbum(pictures, out, books);
if (album[0] !== undefined) await books.enter(Images.enhance.with({ timeoutMs: 1_500 })(album[0].picture));
const tookMs = performance.now() - startedAt;

const peak = peakSoFar();
await flame.shutdown();
await otel.shutdown();
await receiver[Symbol.asyncDispose]();

const asExpected = report({
  photos: photos.length,
  album,
  books,
  victim: killer.victim,
  tookMs,
  scrape: new Scrape(await flame.metrics()),
  peak,
  spans: readSpans(receiver.tracesFile),
  folder: relative(process.cwd(), out),
  collector,
  notForwarded: receiver.lost,
});
if (!asExpected) process.exitCode = 1;
