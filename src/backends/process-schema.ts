/** The checks of the process backend's options. */
import { longestTimerMs, milliseconds } from "../contract/check-number.ts";
import { fileLocation, fn, list, oneOf, record, text } from "../contract/option-checks.ts";
import { type Check, check, notAllowed, object, readOption } from "../contract/option-schema.ts";
import type { ProcessBackendOptions } from "./process.ts";
import type { RunnerOutput } from "./process-output.ts";

const string = text({ allowed: "a string", pattern: /^/ });

const words = list(string);

const command: Check<readonly [string, ...string[]]> = check(
  "a program and its arguments",
  (value): readonly [string, ...string[]] => {
    const [program, ...args] = words.read(value);
    if (program) return [program, ...args];
    throw notAllowed(program ?? value, 'a program and its arguments, such as ["node", "runner.js"]');
  },
);

const values = record(text({ allowed: "a string", pattern: /^/, secret: true }), { secret: true });

/** Variables; `undefined` takes one away, and is kept. */
const variables: Check<Readonly<Record<string, string | undefined>>> = check(values.allowed, (value) => {
  const given = values.read(value);
  const names = Object.keys(value as Readonly<Record<string, unknown>>);
  return Object.fromEntries(names.map((name) => [name, Object.hasOwn(given, name) ? given[name] : undefined]));
});

const schema = object<ProcessBackendOptions>({
  entry: fileLocation(),
  runtime: text(),
  runtimeArgs: words,
  args: words,
  command,
  cwd: text(),
  env: variables,
  host: text(),
  logs: oneOf(["forward", "inherit", "ignore"]),
  onOutput: fn<(output: RunnerOutput) => void>(),
  stopGraceMs: milliseconds({ min: 0, max: longestTimerMs }),
});

/**
 * A checked copy of the options.
 *
 * @throws {ConfigError} naming the option, its value and how to fix it.
 */
export const readProcessOptions = (options: ProcessBackendOptions): ProcessBackendOptions =>
  readOption(schema, options, "processBackend");
