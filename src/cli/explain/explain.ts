/** `firelight explain`: what happened in one call, from a file of telemetry or from where traces are kept. */
import { existsSync } from "node:fs";
import { type Command, type CommandContext, exitCodes } from "../command.ts";
import { readAddress, readOptions } from "../options.ts";
import { duration, fill, harmless, many, type Terminal } from "../terminal.ts";
import { UsageError } from "../errors.ts";
import { hasFailed, lengthMs, methodOf, textOf } from "./facts.ts";
import { readId, traceIdBytes } from "../json.ts";
import { renderReport } from "./render-report.ts";
import { readTelemetryFile } from "./read-telemetry.ts";
import { type Span, type TelemetryData, together } from "./telemetry-data.ts";
import { analyzeCall } from "./analyze-call.ts";
import { TraceIndex } from "./trace-index.ts";
import { loadTrace, type TraceStore } from "./trace-store.ts";

const help = `firelight explain <file>... [--trace ID] [--call ID] [--list] [--json]
firelight explain <trace-id> --tempo URL | --jaeger URL [--header "name: value"]... [--call ID] [--list] [--json]

Tells what happened in one call: where its time went, its attempts and why they were made, what it waited
for, what went wrong first, and which alert and which chapter of the runbook are about that.

  <file>          OTLP in JSON, such as the file exporter of the OpenTelemetry Collector writes: traces, and
                  logs if you have them. Several files are read as one; - is the standard input.
  <trace-id>      32 hex digits; asks Tempo or Jaeger, also for the traces that it links to.
  --trace ID      The trace, of those in the files.
  --call ID       The call: an invocation id, its beginning, or the id of its span.
                  Without it: a call that failed, else the slowest one.
  --list          Lists the calls, and explains none.
  --tempo URL     Base address of Tempo. Default: FIRELIGHT_TEMPO_URL.
  --jaeger URL    Base address of Jaeger's query service. Default: FIRELIGHT_JAEGER_URL.
  --header TEXT   Sent along, as in --header "x-scope-orgid: shop". May be given more than once.
  --json          Prints the story as JSON.

Exit codes: 0 the call was explained, whether it failed or not; 1 the data could not be read, or the call
is not in it; 2 not understood.`;

const optionsConfig = {
  trace: { type: "string" },
  call: { type: "string" },
  list: { type: "boolean" },
  tempo: { type: "string" },
  jaeger: { type: "string" },
  header: { type: "string", multiple: true },
  json: { type: "boolean" },
} as const;

const isTraceId = (text: string): boolean => /^[0-9a-f]{16}([0-9a-f]{16})?$/i.test(text);

const readTraceId = (text: string): string => {
  const id = isTraceId(text) ? readId(text, traceIdBytes) : undefined;
  if (id === undefined) throw new UsageError(`"${text}" is not a trace id. It has 32 hex digits.`);
  return id;
};

const readHeaders = (lines: ReadonlyArray<string>): Record<string, string> =>
  Object.fromEntries(
    lines.map((line) => {
      const [, name, value] = /^\s*([\w-]+)\s*[:=]\s*(.*)$/.exec(line) ?? [];
      if (name === undefined || value === undefined)
        throw new UsageError(`--header is "${line}". Write it as "name: value".`);
      return [name, value] as const;
    }),
  );

interface Wanted {
  readonly tempo?: string | undefined;
  readonly jaeger?: string | undefined;
  readonly header?: ReadonlyArray<string> | undefined;
}

/** Where traces are kept: what the command line says, else what the environment says. */
const readStore = (wanted: Wanted, env: CommandContext["env"]): TraceStore | undefined => {
  if (wanted.tempo !== undefined && wanted.jaeger !== undefined)
    throw new UsageError("Give --tempo or --jaeger, not both.");
  const headers = readHeaders(wanted.header ?? []);
  const places = [
    ["tempo", "--tempo", wanted.tempo],
    ["jaeger", "--jaeger", wanted.jaeger],
    ["tempo", "FIRELIGHT_TEMPO_URL", env["FIRELIGHT_TEMPO_URL"]],
    ["jaeger", "FIRELIGHT_JAEGER_URL", env["FIRELIGHT_JAEGER_URL"]],
  ] as const;
  for (const [kind, option, url] of places)
    if (url !== undefined && url !== "") return { kind, url: readAddress(option, url), headers };
  return undefined;
};

interface Question {
  readonly data: TelemetryData;
  readonly traceId: string | undefined;
}

const readFiles = async (files: ReadonlyArray<string>, trace: string | undefined): Promise<Question> => {
  const parts: Array<TelemetryData> = [];
  for (const file of files) parts.push(await readTelemetryFile(file));
  return { data: together(parts), traceId: trace === undefined ? undefined : readTraceId(trace) };
};

const readQuestion = async (
  places: ReadonlyArray<string>,
  trace: string | undefined,
  store: TraceStore | undefined,
): Promise<Question> => {
  const [first] = places;
  if (first === undefined)
    throw new UsageError("Name a file of telemetry, or a trace id. See firelight explain --help.");
  const asked = places.length === 1 && isTraceId(first) && !existsSync(first) ? readTraceId(first) : undefined;
  if (asked === undefined) return readFiles(places, trace);
  if (store === undefined) {
    throw new UsageError(
      `Where is the trace ${asked}? Give --tempo URL or --jaeger URL, or set FIRELIGHT_TEMPO_URL or FIRELIGHT_JAEGER_URL.`,
    );
  }
  return { data: await loadTrace(store, asked), traceId: asked };
};

const listItem = (call: Span) => ({
  traceId: call.traceId,
  invocationId: textOf(call, "invocationId"),
  method: methodOf(call),
  durationMs: lengthMs(call),
  outcome: hasFailed(call) ? (textOf(call, "errorType") ?? "failed") : "OK",
  attempts: Number(textOf(call, "attemptCount") ?? 1),
});

const printList = (terminal: Terminal, calls: ReadonlyArray<Span>): void => {
  const items = calls.map(listItem);
  const width = Math.max(0, ...items.map(({ method }) => method.length));
  for (const { traceId, method, durationMs, outcome, attempts } of items) {
    const how = fill(terminal.style(outcome === "OK" ? "green" : "red", outcome), 18);
    const tries = many(attempts, "attempt").padEnd(11);
    terminal.line(
      `${traceId}  ${fill(harmless(method), width)}  ${duration(durationMs).padStart(8)}  ${how}  ${tries}`,
    );
  }
};

/** Other calls that are named below the story. */
const mostOthers = 5;

const printOthers = (terminal: Terminal, calls: ReadonlyArray<Span>, told: Span): void => {
  const others = calls.filter((call) => call !== told);
  if (others.length === 0) return;
  terminal.line();
  const failed = others.filter(hasFailed).length;
  terminal.line(
    terminal.style("bold", `${many(others.length, "more call")} in this${failed === 0 ? "" : `, ${failed} failed`}`) +
      terminal.style("dim", "  (--list for all, --trace ID for another)"),
  );
  printList(terminal, others.slice(0, mostOthers));
};

/** Tells the story of a call. */
export const explain: Command = {
  help,
  run: async (args, { terminal, env }) => {
    const { values, positionals } = readOptions(args, optionsConfig);
    const { data, traceId } = await readQuestion(positionals, values.trace, readStore(values, env));
    for (const note of data.notes) terminal.aside(note);
    const index = new TraceIndex(data);
    const calls = index.calls(traceId);
    if (values.list === true && calls.length > 0) {
      if (values.json === true) terminal.line(JSON.stringify(calls.map(listItem), undefined, 2));
      else printList(terminal, calls);
      return exitCodes.fine;
    }
    const call = index.choose({ traceId, call: values.call });
    const story = analyzeCall(index, call);
    if (values.json === true) terminal.line(JSON.stringify(story, undefined, 2));
    else {
      renderReport(terminal, story);
      printOthers(terminal, calls, call);
    }
    return exitCodes.fine;
  },
};
