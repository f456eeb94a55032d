/** `firelight explain`: shows what happened in one call, from a telemetry file or a trace store. */
import { existsSync } from "node:fs";
import { type Command, type CommandContext, exitCodes } from "../command.ts";
import { readAddress, readOptions } from "../options.ts";
import { formatCount, formatDuration } from "../../contract/format-numbers.ts";
import { fill, harmless, type Terminal } from "../terminal.ts";
import { UsageError } from "../errors.ts";
import { hasFailed, lengthMs, methodOf, textOf } from "./facts.ts";
import { readId, traceIdBytes } from "../json.ts";
import { renderReport } from "./render-report.ts";
import { readTelemetryFile } from "./read-telemetry.ts";
import { type Span, type TelemetryData, combine } from "./telemetry-data.ts";
import { analyzeCall } from "./analyze-call.ts";
import { TraceIndex } from "./trace-index.ts";
import { loadTrace, type TraceStore } from "./trace-store.ts";

const help = `firelight explain <file>... [--trace ID] [--call ID] [--list] [--json]
firelight explain <trace-id> --tempo URL | --jaeger URL [--header "name: value"]... [--call ID] [--list] [--json]

Shows what happened in one call: where its time went, its attempts and why they were made, what it waited
for, what went wrong first, and the alert and runbook section for it.

  <file>          OTLP in JSON, such as the output of the OpenTelemetry Collector's file exporter: traces,
                  and logs if you have them. Several files are combined; - is the standard input.
  <trace-id>      32 hex digits. Loads the trace, and the traces that it links to, from Tempo or Jaeger.
  --trace ID      Selects a trace in the files.
  --call ID       Selects a call by its invocation id, a prefix of it, or its span id.
                  Default: a failed call, otherwise the slowest one.
  --list          Lists the calls without explaining one.
  --tempo URL     Base address of Tempo. Default: FIRELIGHT_TEMPO_URL.
  --jaeger URL    Base address of Jaeger's query service. Default: FIRELIGHT_JAEGER_URL.
  --header TEXT   A header of the requests, as in --header "x-scope-orgid: shop". Repeatable.
  --json          Prints the report as JSON.

Exit codes: 0 the call was explained, whether it failed or not; 1 the data could not be read or does not
contain the call; 2 invalid command line.`;

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
  if (id === undefined) throw new UsageError(`"${text}" is not a trace id. Use 32 hex digits.`);
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

interface StoreOptions {
  readonly tempo?: string | undefined;
  readonly jaeger?: string | undefined;
  readonly header?: ReadonlyArray<string> | undefined;
}

/** Returns the trace store of the command line, otherwise of the environment. */
const readStore = (options: StoreOptions, env: CommandContext["env"]): TraceStore | undefined => {
  if (options.tempo !== undefined && options.jaeger !== undefined)
    throw new UsageError("Give --tempo or --jaeger, not both.");
  const headers = readHeaders(options.header ?? []);
  const sources = [
    ["tempo", "--tempo", options.tempo],
    ["jaeger", "--jaeger", options.jaeger],
    ["tempo", "FIRELIGHT_TEMPO_URL", env["FIRELIGHT_TEMPO_URL"]],
    ["jaeger", "FIRELIGHT_JAEGER_URL", env["FIRELIGHT_JAEGER_URL"]],
  ] as const;
  for (const [kind, option, url] of sources)
    if (url !== undefined && url !== "") return { kind, url: readAddress(option, url), headers };
  return undefined;
};

interface Input {
  readonly data: TelemetryData;
  readonly traceId: string | undefined;
}

const readFiles = async (files: ReadonlyArray<string>, trace: string | undefined): Promise<Input> => {
  const parts: Array<TelemetryData> = [];
  for (const file of files) parts.push(await readTelemetryFile(file));
  return { data: combine(parts), traceId: trace === undefined ? undefined : readTraceId(trace) };
};

const readInput = async (
  sources: ReadonlyArray<string>,
  trace: string | undefined,
  store: TraceStore | undefined,
): Promise<Input> => {
  const [first] = sources;
  if (first === undefined) throw new UsageError("Name a telemetry file or a trace id. See firelight explain --help.");
  const asked = sources.length === 1 && isTraceId(first) && !existsSync(first) ? readTraceId(first) : undefined;
  if (asked === undefined) return readFiles(sources, trace);
  if (store === undefined) {
    throw new UsageError(
      `No trace store is configured for the trace ${asked}. Give --tempo URL or --jaeger URL, or set FIRELIGHT_TEMPO_URL or FIRELIGHT_JAEGER_URL.`,
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
    const tries = formatCount(attempts, "attempt").padEnd(11);
    terminal.line(
      `${traceId}  ${fill(harmless(method), width)}  ${formatDuration(durationMs).padStart(8)}  ${how}  ${tries}`,
    );
  }
};

/** Maximum number of other calls listed below the report. */
const maxOthers = 5;

const printOthers = (terminal: Terminal, calls: ReadonlyArray<Span>, explained: Span): void => {
  const others = calls.filter((call) => call !== explained);
  if (others.length === 0) return;
  terminal.line();
  const failed = others.filter(hasFailed).length;
  terminal.line(
    terminal.style(
      "bold",
      `${formatCount(others.length, "more call")} in this${failed === 0 ? "" : `, ${failed} failed`}`,
    ) + terminal.style("dim", "  (--list for all, --trace ID for another)"),
  );
  printList(terminal, others.slice(0, maxOthers));
};

/** Explains a call. */
export const explain: Command = {
  help,
  run: async (args, { terminal, env }) => {
    const { values, positionals } = readOptions(args, optionsConfig);
    const { data, traceId } = await readInput(positionals, values.trace, readStore(values, env));
    for (const note of data.notes) terminal.aside(note);
    const index = new TraceIndex(data);
    const calls = index.calls(traceId);
    if (values.list === true && calls.length > 0) {
      if (values.json === true) terminal.line(JSON.stringify(calls.map(listItem), undefined, 2));
      else printList(terminal, calls);
      return exitCodes.ok;
    }
    const call = index.choose({ traceId, call: values.call });
    const report = analyzeCall(index, call);
    if (values.json === true) terminal.line(JSON.stringify(report, undefined, 2));
    else {
      renderReport(terminal, report);
      printOthers(terminal, calls, call);
    }
    return exitCodes.ok;
  },
};
