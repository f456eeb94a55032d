/** Which versions of Bun keep the promise that a call without a retry policy runs at most once. */
import { ConfigError } from "../errors.ts";
import { oldestRuntimes } from "../process/version.ts";

/** Before this version, Bun's HTTP client sent a POST a second time when a kept connection was closed under it. */
const oldestBun = oldestRuntimes.bun.split(".").map(Number);

/**
 * What is wrong with a version of Bun, as a sentence; `undefined` if nothing. A canary such as `1.3.14-canary.20` counts as the version that
 * it leads to, and text that is no version is not judged.
 */
export const bunFault = (version: string): string | undefined => {
  const [, ...parts] = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version) ?? [];
  const numbers = parts.map(Number);
  const differs = oldestBun.findIndex((part, index) => numbers[index] !== part);
  if (numbers.length === 0 || differs < 0 || numbers[differs]! > oldestBun[differs]!) return undefined;
  const oldest = oldestBun.join(".");
  return (
    `Firelight needs Bun ${oldest} or later, and this is Bun ${version}: before ${oldest}, Bun sends a POST again when a kept connection ` +
    "is closed, so that a call could run twice. Update Bun (bun upgrade), or use Node.js."
  );
};

/**
 * Checks the runtime that this process is.
 *
 * @throws {ConfigError} on a version of Bun that could run a call twice.
 */
export const requireRuntime = (versions: Readonly<Record<string, string | undefined>>): void => {
  const fault = versions["bun"] === undefined ? undefined : bunFault(versions["bun"]);
  if (fault !== undefined) throw new ConfigError(fault);
};
