/** Loading a dependency when it is needed, and what to say when that fails. */
import { ConfigError } from "../errors.ts";
import { messageOf } from "../thrown.ts";

/** What esbuild says in an ESM bundle in which CommonJS code asks for a module of Node. */
const noRequire = /^Dynamic require of /;

const adviceOn = (message: string): string =>
  noRequire.test(message)
    ? "This program is an ES module made by esbuild, where CommonJS packages have no require: define it in a banner, as docs/bundlers.md shows, or keep firelight out of the bundle."
    : "Install the dependencies of firelight. If this program is bundled, deploy all files that the bundler wrote, or keep firelight out of the bundle: see docs/bundlers.md.";

/**
 * Loads a package with `load`, which must be an `import()` of a literal name so that bundlers follow it.
 *
 * @param purpose what the package is for, as the start of a sentence: "The runner cannot listen"
 * @throws {ConfigError} (as a rejection) saying which package is missing, and what to set.
 */
export const loadPackage = async <Module>(
  name: string,
  purpose: string,
  load: () => Promise<Module>,
): Promise<Module> => {
  try {
    return await load();
  } catch (cause) {
    const message = messageOf(cause);
    throw new ConfigError(
      `${purpose}: the package ${name} could not be loaded (${message.replace(/\.$/, "")}). ${adviceOn(message)}`,
      { cause },
    );
  }
};
