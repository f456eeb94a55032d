/**
 * Options of services and methods: those of their calls, and those that say how
 * the handler runs; how they are merged, and how they are checked.
 */
import { checkOptions, mergeOptions } from "./call-options.ts";
import { ConfigError } from "./errors.ts";
import type { Isolation } from "./isolation.ts";
import type { FlameOptions } from "./options.ts";

/**
 * Options of a service or a method: those of its calls, and those that only its definition can have because they say how
 * the handler runs.
 */
export interface DefinitionOptions extends FlameOptions {
  /**
   * `worker` or `process` runs the handler apart from the runner's event loop, so that its deadline and its caller can really stop it:
   * what has not ended 100 ms after its signal is terminated, and the runner goes on. Default `none`.
   *
   * @example
   * ```ts
   * const Hashes = flame.service("hashes", { crack: async (hash: string) => search(hash) }, { isolation: "worker" });
   * ```
   */
  readonly isolation?: Isolation;
}

const isolations: ReadonlyArray<unknown> = ["none", "worker", "process"] satisfies ReadonlyArray<Isolation>;

/** Options of definitions merged field by field; later ones win. */
export const mergeDefinitions = (...layers: ReadonlyArray<DefinitionOptions | undefined>): DefinitionOptions => {
  const isolation = layers.findLast((layer) => layer?.isolation !== undefined)?.isolation;
  const merged = mergeOptions(...layers);
  return isolation === undefined ? merged : { ...merged, isolation };
};

/**
 * Checks the options of a service or method where they are given.
 *
 * @throws {ConfigError} naming the option, its value and how to fix it.
 */
export const checkDefinition = (options: DefinitionOptions, where: string): void => {
  if (options.isolation !== undefined && !isolations.includes(options.isolation)) {
    throw new ConfigError(`${where}: isolation is "${options.isolation}". Use "none", "worker" or "process".`);
  }
  checkOptions(options, where);
};

/**
 * Checks the options of a call where they are given.
 *
 * @throws {ConfigError} naming the option, its value and how to fix it.
 */
export const checkCall = (options: FlameOptions, where: string): void => {
  if ("isolation" in options) {
    throw new ConfigError(
      `${where}: isolation is no option of a call, since the runner decides how it runs a handler. Give it to defineMethod, or to the service.`,
    );
  }
  checkOptions(options, where);
};
