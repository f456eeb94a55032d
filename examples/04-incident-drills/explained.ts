/** What `firelight explain` says of the calls in a file of traces: asked as its users ask it. */
import { execFile } from "node:child_process";
import { statSync } from "node:fs";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import type { CallStory } from "../../src/cli/explain/story.ts";
import type { Clue, ListedCall } from "./drill.ts";

export type { CallStory } from "../../src/cli/explain/story.ts";

const run = promisify(execFile);

const require = createRequire(import.meta.url);
const { bin } = require("firelight/package.json") as { readonly bin: Readonly<Record<string, string>> };
const command = require.resolve(`../../${bin["firelight"]}`);

const maxOutputBytes = 64 * 1024 * 1024;

/** What a command of `firelight` prints. */
const firelight = async (...args: ReadonlyArray<string>): Promise<string> => {
  const { stdout } = await run(process.execPath, [command, ...args], { maxBuffer: maxOutputBytes });
  return stdout;
};

const explain = (...args: ReadonlyArray<string>): Promise<string> => firelight("explain", ...args);

/** The files that have something in them. */
const written = (files: ReadonlyArray<string>): ReadonlyArray<string> =>
  files.filter((file) => (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0);

/** Whether there is any telemetry in the files. */
export const hasTelemetry = (files: ReadonlyArray<string>): boolean => written(files).length > 0;

/** A call whose trace told the cause. */
export interface ToldCall {
  readonly call: ListedCall;
  readonly story: CallStory;
  /** The cause, in words. */
  readonly cause: string;
}

/** Calls that are looked at before the search is given up until there are more. */
const mostLooks = 4;

/** Looks for a call whose trace tells the cause: failed ones first, then the longest. `undefined` as long as there is none. */
export const findClue = async (files: ReadonlyArray<string>, { look, cause }: Clue): Promise<ToldCall | undefined> => {
  const present = written(files);
  if (present.length === 0) return undefined;
  const listed = JSON.parse(await explain(...present, "--list", "--json")) as ReadonlyArray<ListedCall>;
  for (const call of listed.filter(look).slice(0, mostLooks)) {
    const story = JSON.parse(await explain(...present, "--call", call.invocationId, "--json")) as CallStory;
    const told = cause(story);
    if (told !== undefined) return { call, story, cause: told };
  }
  return undefined;
};

/** The story as it is printed. */
export const tellClue = async (files: ReadonlyArray<string>, { call }: ToldCall): Promise<string> =>
  explain(...written(files), "--call", call.invocationId);

/** What `firelight doctor` says of a receiver of telemetry. It fails when there is trouble, as it should. */
export const askDoctor = async (otlpUrl: string): Promise<string> => {
  try {
    return await firelight("doctor", "--otlp", otlpUrl);
  } catch (error) {
    return (error as { readonly stdout?: string }).stdout ?? String(error);
  }
};
