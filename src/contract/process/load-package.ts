/** Loads a dependency on demand and explains failures. */
import { ConfigError } from "../errors.ts";
import { messageOf } from "../thrown.ts";

/** esbuild's error in an ESM bundle whose CommonJS code requires a module of Node. */
const noRequire = /^Dynamic require of /;

const adviceOn = (message: string): string =>
  noRequire.test(message)
    ? "This program is an ES module built by esbuild, where CommonJS packages have no require. Define it in a banner as docs/bundlers.md shows, or keep firelight out of the bundle."
    : "Install the dependencies of firelight. If this program is bundled, deploy all files that the bundler wrote, or keep firelight out of the bundle: see docs/bundlers.md.";

/**
 * Loads a package with `load`, which must be an `import()` of a literal name so that bundlers follow it.
 *
 * @param purpose what the package is for, as the start of a sentence: "The runner cannot listen"
 * @throws {ConfigError} (as a rejection) naming the missing package and what to do
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
      `${purpose}: failed to load the package ${name} (${message.replace(/\.$/, "")}). ${adviceOn(message)}`,
      { cause },
    );
  }
};
