/** Which module an isolate imports to have the same methods as its runner. */
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ConfigError } from "../../contract/errors.ts";

const whatToSet =
  'Set isolation.entry to the module that starts a runner, such as new URL("./runner.ts", import.meta.url): one that imports the definitions and calls flame.createRunnerServer().';

/** Resolves from a module as the runtime would. Not imported by its name, which bundlers would take for a module of theirs. */
const requireFrom = (path: string): NodeJS.Require =>
  process.getBuiltinModule("node:module").createRequire(pathToFileURL(path));

/**
 * The path of the module: the one given, or the one that this process was started with.
 *
 * @throws {ConfigError} when there is none.
 */
export const isolateEntry = (given: string | URL | undefined): string => {
  const entry = given ?? process.argv[1];
  if (entry === undefined) {
    throw new ConfigError(
      `A method has an isolation, and this process was not started with a module that an isolate could import. ${whatToSet}`,
    );
  }
  try {
    const path = entry instanceof URL || entry.startsWith("file:") ? fileURLToPath(entry) : resolve(entry);
    return requireFrom(path).resolve(path);
  } catch (cause) {
    const what =
      given === undefined
        ? `a method has an isolation, and ${entry}, which this process was started with, is not a module`
        : `isolation.entry is "${String(entry)}", which is not a module`;
    throw new ConfigError(`An isolate has nothing to import: ${what}. ${whatToSet}`, { cause });
  }
};
