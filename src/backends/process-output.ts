/**
 * Handles a runner's output: splits it into lines, forwards them, and keeps the last ones for the error of a failed
 * boot.
 */
import type { Readable } from "node:stream";
import { stripVTControlCharacters } from "node:util";

/** One line of a runner's output. */
export interface RunnerOutput {
  /** The runner id. */
  readonly runnerId: string;
  /** The runner's pool. */
  readonly poolName: string;
  /** The stream that the runner wrote to. */
  readonly stream: "stdout" | "stderr";
  /** The line, without its line break. Lines of more than 16,384 characters arrive in pieces. */
  readonly line: string;
}

const maxLineLength = 16_384;

/** Calls `onLine` for each line of a stream. Holds at most one line of bounded length. */
export const forEachLine = (stream: Readable, onLine: (line: string) => void): void => {
  let rest = "";
  const emit = (line: string): void => onLine(line.endsWith("\r") ? line.slice(0, -1) : line);
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      for (let from = 0; from === 0 || from < line.length; from += maxLineLength)
        emit(line.slice(from, from + maxLineLength));
    }
    while (rest.length > maxLineLength) {
      emit(rest.slice(0, maxLineLength));
      rest = rest.slice(maxLineLength);
    }
  });
  stream.on("end", () => {
    if (rest !== "") emit(rest);
    rest = "";
  });
  stream.on("error", () => {});
};

const secretName = /secret|token|passw|credential|api_?key|private_?key|auth|dsn|database_url/i;

/** Shorter values are not redacted: they would match ordinary words. */
const shortestSecret = 8;

/** Returns the values of an environment that must not appear in errors: longest first, multi-line values by line. */
export const secretsOf = (env: Readonly<Record<string, string>>): ReadonlyArray<string> =>
  Object.entries(env)
    .filter(([name]) => secretName.test(name))
    .flatMap(([, value]) => value.split("\n"))
    .filter((value) => value.length >= shortestSecret)
    .sort((a, b) => b.length - a.length);

/** The last lines of a stream, without secrets and color codes, and bounded. */
export interface Tail {
  push(line: string): void;
  lines(): ReadonlyArray<string>;
}

/** Keeps the last `maxLines` lines, each truncated to `maxLength` characters. */
export const createTail = (secrets: ReadonlyArray<string>, maxLines = 20, maxLength = 400): Tail => {
  const kept: Array<string> = [];
  return {
    push: (line) => {
      const clean = secrets.reduce(
        (text, secret) => text.replaceAll(secret, "[redacted]"),
        stripVTControlCharacters(line),
      );
      kept.push(clean.length > maxLength ? `${clean.slice(0, maxLength)}…` : clean);
      if (kept.length > maxLines) kept.shift();
    },
    lines: () => kept,
  };
};

/** Prints a runner's line on the same stream of this process, prefixed with the runner id. */
export const forwardLine = ({ runnerId, stream, line }: RunnerOutput): void => {
  process[stream].write(`[${runnerId}] ${line}\n`);
};
