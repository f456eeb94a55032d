/** Prints the summary of a run: its results, then where the time went. */
import type { FlameError } from "firelight";
import { metrics } from "firelight/catalog";
import type { AlbumEntry, Books } from "./album.ts";
import type { CorruptImage } from "./services.ts";
import { countedCalls, printLatency } from "./latency-table.ts";
import { type Peak, printPool } from "./pool-report.ts";
import { type Finding, many, printFindings } from "../shared/findings.ts";
import type { Scrape } from "../shared/prometheus-text.ts";
import { isOfRunner, type Span } from "./spans.ts";
import { duration, heading, print, printTable, styled } from "../shared/terminal.ts";
import { truncatedName } from "./trouble.ts";
import { attemptsOf, callsIn, get, lengthMs, printTrace } from "./trace-tree.ts";

export interface Run {
  /** Good photos, without the broken one. */
  readonly photos: number;
  readonly album: ReadonlyArray<AlbumEntry>;
  readonly books: Books;
  /** The runner that was killed, if all slots were ever in use. */
  readonly victim: string | undefined;
  readonly tookMs: number;
  readonly scrape: Scrape;
  readonly peak: Peak;
  readonly spans: ReadonlyArray<Span>;
  /** Where the results are. */
  readonly folder: string;
  /** The collector that the telemetry was forwarded to, and the exports that failed. */
  readonly collector: string | undefined;
  readonly notForwarded: ReadonlyArray<string>;
}

const methodsOf = (failures: ReadonlyArray<FlameError>): string =>
  [...new Set(failures.map(({ method }) => method))].join(", ");

const findings = ({ photos, album, books, victim, scrape, spans, folder }: Run): ReadonlyArray<Finding> => {
  const corrupt = books.failures.filter(({ remote }) => remote?.code === "corrupt_image");
  const late = books.failures.filter(({ code }) => code === "timeout");
  const others = books.failures.filter((failure) => !corrupt.includes(failure) && !late.includes(failure));
  const retried = scrape.sum(`${metrics.callRetries.name}_count`);
  const counted = countedCalls(scrape);
  const traced = callsIn(spans).length;
  const fileOf = ({ remote }: FlameError): string | undefined => (remote?.details as CorruptImage | undefined)?.file;
  const broken = new Set(corrupt.map(fileOf));
  const truncated = corrupt.filter((failure) => fileOf(failure) === truncatedName);
  const good = photos + 1 - broken.size;
  const deadlines = callsIn(spans)
    .filter((call) => get(call, "errorType") === "DEADLINE_EXCEEDED")
    .map((call) => Number(get(call, "deadlineMs")) / 1000)
    .join(", ");
  return [
    [album.length === good, "thumbnails", `${album.length} of ${good} readable photos, in ${folder}/thumbnails`],
    [
      victim === undefined ? retried === 0 : retried > 0,
      "retried",
      victim === undefined
        ? "0 calls: with so few pictures the pool never filled up, so no runner was killed"
        : `${many(retried, "call")}: runner ${victim} was killed while handling ${retried === 1 ? "it" : "them"}`,
    ],
    [
      truncated.length > 0 && truncated.every(({ attempt }) => attempt === 1),
      "rejected",
      `${many(corrupt.length, "call")} (corrupt_image: ${[...broken].join(", ")}); permanent error, not retried`,
    ],
    [
      late.length === 1 && methodsOf(late) === "images/enhance",
      "timed out",
      `${many(late.length, "call")}: ${methodsOf(late)} exceeded its ${deadlines} s deadline`,
    ],
    ...others.map((error): Finding => [false, "failed", `${error.method}: ${error.code}: ${error.message}`]),
    [
      books.made === counted,
      "reconciled",
      `${many(books.made, "call")} = ${counted} in metrics${traced === counted ? " = " : ", "}${many(traced, "trace")}`,
    ],
  ];
};

const longest = (calls: ReadonlyArray<Span>): Span | undefined =>
  calls.toSorted((left, right) => lengthMs(right) - lengthMs(left))[0];

/** Prints the slowest call, the slowest one with a cold start, and the slowest one that lost a runner. */
const printTraces = (spans: ReadonlyArray<Span>): void => {
  const calls = callsIn(spans);
  const slowest = longest(calls);
  const others = calls.filter((call) => call !== slowest);
  const cold = longest(others.filter((call) => get(call, "acquireSource") === "cold" && attemptsOf(call) === 1));
  const lost = longest(others.filter((call) => attemptsOf(call) > 1));
  if (slowest !== undefined) printTrace("The slowest call", slowest, spans);
  if (cold !== undefined) printTrace("A call that waited for a runner to boot", cold, spans);
  if (lost !== undefined) printTrace("A call that lost its runner", lost, spans);
};

/** Prints the whole report. Returns `false` if a finding is not as expected. */
export const report = (run: Run): boolean => {
  heading(`Done in ${duration(run.tookMs / 1000)}`);
  const asExpected = printFindings(findings(run));

  printLatency(run.scrape);
  printPool(run.scrape, "images", run.peak, run.spans.filter(isOfRunner).length);

  printTraces(run.spans);

  print();
  printTable(
    [
      [styled("dim", "traces"), `${run.folder}/traces.jsonl, as OTLP JSON`],
      [styled("dim", "log"), `${run.folder}/run.log, from parent and runners`],
    ],
    ["left", "left"],
  );
  if (run.collector === undefined)
    print("Set OTEL_EXPORTER_OTLP_ENDPOINT to your OpenTelemetry Collector to see the same traces there.");
  else if (run.notForwarded.length === 0) print(`The same traces went to ${run.collector}.`);
  else
    print(
      styled(
        "yellow",
        `${many(run.notForwarded.length, "export")} did not reach ${run.collector}: ${run.notForwarded[0]}`,
      ),
    );
  return asExpected;
};
