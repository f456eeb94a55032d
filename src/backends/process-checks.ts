/** Checks the options for starting a process. */
import { list, record, text } from "../contract/validation/option-checks.ts";
import { type Check, check, notAllowed } from "../contract/validation/option-schema.ts";

const string = text({ allowed: "a string", pattern: /^/ });

/** The arguments of a command. */
export const words = list(string);

/** A program with its arguments. */
export const command: Check<readonly [string, ...Array<string>]> = check(
  "a program and its arguments",
  (value): readonly [string, ...Array<string>] => {
    const [program, ...args] = words.read(value);
    if (program) return [program, ...args];
    throw notAllowed(program ?? value, 'a program and its arguments, such as ["node", "runner.js"]');
  },
);

const values = record(text({ allowed: "a string", pattern: /^/, secret: true }), { secret: true });

/** Environment variables. `undefined` removes a variable, so it is kept. */
export const variables: Check<Readonly<Record<string, string | undefined>>> = check(values.allowed, (value) => {
  const given = values.read(value);
  const names = Object.keys(value as Readonly<Record<string, unknown>>);
  return Object.fromEntries(names.map((name) => [name, Object.hasOwn(given, name) ? given[name] : undefined]));
});
