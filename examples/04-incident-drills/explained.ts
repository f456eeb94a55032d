/** What `firelight explain` says of the calls in a file of traces: asked as its users ask it. */
import { execFile } from "node:child_process";
import { statSync } from "node:fs";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import type { CallReport } from "../../src/cli/explain/call-report.ts";
import type { Clue, ListedCall } from "./drill.ts";

export type { CallReport } from "../../src/cli/explain/call-report.ts";

const run = promisify(execFile);

const require = createRequire(import.meta.url);
const { bin } = require("firelight/package.json") as { readonly bin: Readonly<Record<string, string>> };
const command = require.resolve(`../../${bin["firelight"]}`);

const maxOutputBytes = 64 * 1024 * 1024;

interface Answer {
  readonly fine: boolean;
  readonly text: string;
}

/** What a command of `firelight` prints, and whether its exit code is 0. */
const firelight = async (...args: ReadonlyArray<string>): Promise<Answer> => {
  try {
    const { stdout } = await run(process.execPath, [command, ...args], { maxBuffer: maxOutputBytes });
    return { fine: true, text: stdout };
  } catch (error) {
    const { code, stdout } = error as { readonly code?: unknown; readonly stdout?: string };
    if (code !== 1 || stdout === undefined) throw error;
    return { fine: false, text: stdout };
  }
};

/** The files that have something in them. */
const written = (files: ReadonlyArray<string>): ReadonlyArray<string> =>
  files.filter((file) => (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0);

/** Whether there is any telemetry in the files. */
export const hasTelemetry = (files: ReadonlyArray<string>): boolean => written(files).length > 0;

/** A call whose trace told the cause. */
export interface ToldCall {
  readonly call: ListedCall;
  readonly report: CallReport;
  /** The cause, in words. */
  readonly cause: string;
}

/** Calls that are looked at before the search is given up until there are more. */
const mostLooks = 4;

/** Looks for a call whose trace tells the cause: failed ones first, then the longest. `undefined` as long as there is none. */
export const findClue = async (files: ReadonlyArray<string>, { look, cause }: Clue): Promise<ToldCall | undefined> => {
  const present = written(files);
  if (present.length === 0) return undefined;
  const list = await firelight("explain", ...present, "--list", "--json");
  if (!list.fine) return undefined;
  for (const call of (JSON.parse(list.text) as ReadonlyArray<ListedCall>).filter(look).slice(0, mostLooks)) {
    const { text } = await firelight("explain", ...present, "--call", call.invocationId, "--json");
    const report = JSON.parse(text) as CallReport;
    const explanation = cause(report);
    if (explanation !== undefined) return { call, report, cause: explanation };
  }
  return undefined;
};

/** Returns the printed report. */
export const tellClue = async (files: ReadonlyArray<string>, { call }: ToldCall): Promise<string> =>
  (await firelight("explain", ...written(files), "--call", call.invocationId)).text;

/** What `firelight doctor` found at the receiver of telemetry. */
export interface Diagnosis {
  readonly check: string;
  readonly seen: string;
  readonly fix?: string;
  readonly alert?: string;
}

/** Has `firelight doctor` look at the receiver of telemetry; `undefined` when it finds nothing wrong. */
export const askDoctor = async (otlpUrl: string): Promise<Diagnosis | undefined> => {
  const { text } = await firelight("doctor", "--otlp", otlpUrl, "--json");
  const { sections } = JSON.parse(text) as {
    readonly sections: ReadonlyArray<{ readonly findings: ReadonlyArray<Diagnosis & { readonly status: string }> }>;
  };
  return sections
    .flatMap(({ findings }) => findings)
    .find(({ check, status }) => check === "OTLP" && status === "failed");
};
