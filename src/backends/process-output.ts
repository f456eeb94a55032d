/**
 * What a runner process prints: cut into lines, passed on, and its last lines kept
 * for the error of a failed boot.
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

/** Calls `onLine` for each line of a stream; never holds more than one line of bounded length. */
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

/** Values too short to be secrets would black out ordinary words. */
const shortestSecret = 8;

/** The values in an environment that must not appear in an error, longest first, multi-line ones by line. */
export const secretsOf = (env: Readonly<Record<string, string>>): ReadonlyArray<string> =>
  Object.entries(env)
    .filter(([name]) => secretName.test(name))
    .flatMap(([, value]) => value.split("\n"))
    .filter((value) => value.length >= shortestSecret)
    .sort((a, b) => b.length - a.length);

/** The last lines of a stream, without secrets, colors and excess. */
export interface Tail {
  push(line: string): void;
  lines(): ReadonlyArray<string>;
}

/** Keeps the last `maxLines` lines, each cut to `maxLength` characters. */
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

/** Prints a runner's line on the stream of the same name here, behind the runner's id. */
export const forwardLine = ({ runnerId, stream, line }: RunnerOutput): void => {
  process[stream].write(`[${runnerId}] ${line}\n`);
};
