/**
 * Options of services and methods: those of their calls, and those that say how
 * the handler runs; how they are merged, and how they are checked.
 */
import { callFields, mergeOptions } from "./call-options.ts";
import type { Isolation } from "./isolation.ts";
import { abortSignal, oneOf } from "../validation/option-checks.ts";
import { type Fields, object, readOption } from "../validation/option-schema.ts";
import type { CallOptions, FlameOptions } from "./options.ts";

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

/** Options of definitions merged field by field; later ones win. */
export const mergeDefinitions = (...layers: ReadonlyArray<DefinitionOptions | undefined>): DefinitionOptions => {
  const isolation = layers.findLast((layer) => layer?.isolation !== undefined)?.isolation;
  const merged = mergeOptions(...layers);
  return isolation === undefined ? merged : { ...merged, isolation };
};

/** The checks of the options of services and methods. */
export const definitionFields: Fields<DefinitionOptions> = {
  ...callFields,
  isolation: oneOf(["none", "worker", "process"]),
};

/** What people look for in the options of a definition. */
export const notOfDefinitions: Readonly<Record<string, string>> = {
  signal: "is an option of calls, not of definitions. Use .with({ signal }) where the method is called.",
};

const definition = object<DefinitionOptions>(definitionFields, { elsewhere: notOfDefinitions });

const call = object<CallOptions>(
  { ...callFields, signal: abortSignal() },
  {
    elsewhere: {
      isolation:
        "is not an option of calls, because the runner decides how it runs a handler. Set it in defineMethod or on the service.",
      concurrency: "is an option of map. Use .map(items, { concurrency }).",
    },
  },
);

/**
 * A checked copy of the options of a service or method.
 *
 * @throws {ConfigError} naming the option, its value and how to fix it.
 */
export const readDefinition = (options: DefinitionOptions, where: string): DefinitionOptions =>
  readOption(definition, options, where);

/**
 * A checked copy of the options of calls.
 *
 * @throws {ConfigError} naming the option, its value and how to fix it.
 */
export const readCall = (options: CallOptions, where: string): CallOptions => readOption(call, options, where);
