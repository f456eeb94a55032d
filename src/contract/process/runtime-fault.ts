/** Checks whether this package can run on a runtime. */
import { oldestRuntimes } from "./version.ts";

const numbersOf = (version: string): ReadonlyArray<number> => version.split(/[.-]/, 3).map(Number);

const isOlder = (version: string, than: string): boolean => {
  const [one, other] = [numbersOf(version), numbersOf(than)];
  const at = other.findIndex((number, index) => one[index] !== number);
  return at >= 0 && (one[at] ?? 0) < other[at]!;
};

/**
 * Returns why the package cannot be loaded, as a sentence; `undefined` if it can. An old Bun can load it; its problem
 * is reported when an instance is configured, see `bun-version.ts`.
 *
 * @param versions `process.versions`
 * @param program `process.execPath`
 */
export const runtimeFault = (
  versions: Readonly<Record<string, string | undefined>>,
  program: string,
): string | undefined => {
  const { node, bun } = versions;
  if (bun !== undefined || node === undefined || !isOlder(node, oldestRuntimes.node)) return undefined;
  return `Firelight requires Node ${oldestRuntimes.node} or newer, or Bun ${oldestRuntimes.bun} or newer, but this is Node ${node} (${program}). Install a newer Node, or run this program with one.`;
};
