/**
 * The rules about which module may import which, as a pure function of the sources: `check-layers.ts` applies it to
 * `src`, and its test breaks each rule on purpose.
 */

/** The modules that each module may import. A module is a folder of `src`; the files beside the folders are `root`. */
const mayImport: Readonly<Record<string, ReadonlyArray<string>>> = {
  contract: [],
  telemetry: ["contract"],
  parent: ["contract", "telemetry"],
  runner: ["contract", "telemetry"],
  backends: ["contract"],
  otel: ["contract", "telemetry"],
  stores: ["contract"],
  testing: ["contract", "parent"],
  bundle: ["contract", "telemetry"],
  cli: ["contract", "telemetry", "parent", "bundle", "otel"],
  root: ["contract", "telemetry", "parent", "runner"],
};

/**
 * The folders of a module in import order: each may import itself and the ones before it. The module's own files may
 * import all folders and be imported by all.
 */
const folderOrder: Readonly<Record<string, ReadonlyArray<string>>> = {
  contract: ["validation", "process", "codec", "wire", "config", "api"],
};

/** The packages that `src` may import, each with the modules that may use it. */
const packageModules: ReadonlyArray<readonly [name: RegExp, modules: ReadonlyArray<string>]> = [
  [/^effect(\/|$)/, ["contract", "telemetry", "parent", "runner", "backends", "otel", "root"]],
  [/^superjson$/, ["contract"]],
  [/^(@opentelemetry\/api|@effect\/opentelemetry)(\/|$)/, ["telemetry", "otel", "cli"]],
  [/^@opentelemetry\//, ["otel"]],
  [/^(prom-client|@prometheus-io\/client)$/, ["telemetry"]],
  [/^(@grafana\/grafana-foundation-sdk|yaml)(\/|$)/, ["bundle"]],
  [/^undici$/, ["parent"]],
  [/^(elysia|srvx|ws)(\/|$)/, ["runner"]],
];

/** Files without effects: neither they nor their imports may import a package or a runtime module. */
const pureFiles: ReadonlyArray<string> = [
  "src/parent/pool/core/state.ts",
  "src/contract/config/scaling.ts",
  "src/parent/retry-policy.ts",
  "src/parent/retry-budget.ts",
];

const entryPoint = "src/index.ts";
const maxLines = 400;
const vagueNames: ReadonlySet<string> = new Set(["util", "utils", "common", "helper", "helpers", "misc", "shared"]);

interface Import {
  readonly from: string;
  /** A path of `src`, a package's specifier, or `node:…`. */
  readonly to: string;
  /** Whether type stripping removes it. */
  readonly typeOnly: boolean;
}

const statement = /^[ \t]*(?:import|export)\s+(type\s+)?(?:[^;"'`]*?\sfrom\s*)?["']([^"']+)["']/gm;
const expression = /\bimport\(\s*["']([^"']+)["']\s*\)(\.)?/g;
const comment = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm;

const resolve = (from: string, specifier: string): string => {
  if (!specifier.startsWith(".")) return specifier;
  const parts = from.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
};

const importsOf = (from: string, source: string): ReadonlyArray<Import> => {
  const code = source.replace(comment, "");
  return [
    ...[...code.matchAll(statement)].map(([, type, specifier = ""]) => ({
      from,
      to: resolve(from, specifier),
      typeOnly: type !== undefined,
    })),
    ...[...code.matchAll(expression)].map(([, specifier = "", dot]) => ({
      from,
      to: resolve(from, specifier),
      typeOnly: dot !== undefined,
    })),
  ];
};

const moduleOf = (path: string): string => (path.split("/").length === 2 ? "root" : (path.split("/")[1] ?? "root"));

const isOurs = (to: string): boolean => to.startsWith("src/");

const directionFault = ({ from, to }: Import): string | undefined => {
  if (to === entryPoint)
    return `${from} imports the entry point ${to}. Import what it re-exports from the module that defines it.`;
  const [module, target] = [moduleOf(from), moduleOf(to)];
  if (module === target || from === entryPoint) return undefined;
  if (mayImport[module] === undefined)
    return `${from} is in the module "${module}", which has no rule. Add it to scripts/layers.ts.`;
  if (mayImport[module].includes(target)) return undefined;
  return `${from} imports ${to}: "${module}" may import ${mayImport[module].join(", ") || "nothing but itself"}.`;
};

const folderFault = ({ from, to }: Import): string | undefined => {
  const [, module = "", folder = "", ...rest] = from.split("/");
  const order = folderOrder[module];
  if (order === undefined || moduleOf(to) !== module || rest.length === 0) return undefined;
  const target = to.split("/")[2] ?? "";
  if (!order.includes(folder))
    return `${from} is in the folder "${folder}", which has no rule. Add it to folderOrder in scripts/layers.ts.`;
  return order.indexOf(target) > order.indexOf(folder)
    ? `${from} imports ${to}: inside ${module}, imports go ${order.toReversed().join(" → ")}.`
    : undefined;
};

const packageFault = ({ from, to }: Import): string | undefined => {
  if (to.startsWith("node:")) return undefined;
  const modules = packageModules.find(([name]) => name.test(to))?.[1];
  if (modules === undefined)
    return `${from} imports ${to}, which no module may import. Add it to scripts/layers.ts if it is intended.`;
  return modules.includes(moduleOf(from))
    ? undefined
    : `${from} imports ${to}: only ${modules.join(" and ")} may import it.`;
};

const nameFaults = (path: string): ReadonlyArray<string> => {
  const stems = path.replace(/\.ts$/, "").split("/").slice(1);
  const odd = stems.find((stem) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(stem));
  const vague = stems.find((stem) => vagueNames.has(stem));
  return [
    ...(odd === undefined ? [] : [`${path}: "${odd}" is not kebab-case.`]),
    ...(vague === undefined ? [] : [`${path}: "${vague}" does not describe its content. Name the concept.`]),
  ];
};

const cycleFaults = (graph: ReadonlyMap<string, ReadonlyArray<Import>>): ReadonlyArray<string> => {
  const faults: Array<string> = [];
  const done = new Set<string>();
  const visit = (path: string, trail: ReadonlyArray<string>): void => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      faults.push(`A cycle: ${[...trail.slice(start), path].join(" → ")}.`);
      return;
    }
    if (done.has(path)) return;
    for (const next of graph.get(path) ?? []) if (isOurs(next.to)) visit(next.to, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return faults;
};

const purityFaults = (graph: ReadonlyMap<string, ReadonlyArray<Import>>): ReadonlyArray<string> =>
  pureFiles.flatMap((root) => {
    const reached = new Set([root]);
    for (const path of reached) {
      for (const { to, typeOnly } of graph.get(path) ?? []) if (!typeOnly && isOurs(to)) reached.add(to);
    }
    return [...reached]
      .flatMap((path) => graph.get(path) ?? [])
      .filter(({ to, typeOnly }) => !typeOnly && !isOurs(to))
      .map(({ from, to }) => `${from} imports ${to}, but ${root} must stay pure.`);
  });

/** Returns the files that the rules name but that do not exist. */
export const findMissing = (files: ReadonlyMap<string, string>): ReadonlyArray<string> =>
  [...pureFiles, entryPoint]
    .filter((path) => !files.has(path))
    .map((path) => `scripts/layers.ts names ${path}, which does not exist. Name the file that replaced it.`);

/** Returns imports of the whole `effect` package, which take three times as long as imports of its modules. */
export const findBarrels = (files: ReadonlyMap<string, string>): ReadonlyArray<string> =>
  [...files]
    .flatMap(([path, source]) => importsOf(path, source))
    .filter(({ to }) => to === "effect")
    .map(
      ({ from }) =>
        `${from} imports the whole effect package, which every process would load. Import its modules: import * as Effect from "effect/Effect".`,
    );

/**
 * Returns the violations of the rules as sentences.
 *
 * @param files the sources by path, such as `src/parent/client.ts`
 */
export const findFaults = (files: ReadonlyMap<string, string>): ReadonlyArray<string> => {
  const graph = new Map([...files].map(([path, source]) => [path, importsOf(path, source)]));
  const imports = [...graph.values()].flat();
  const faults = [
    ...[...files].flatMap(([path, source]) => {
      const lines = source.replace(/\n$/, "").split("\n").length;
      return lines > maxLines
        ? [`${path} has ${lines} lines; the limit is ${maxLines}. Move its second concept to another file.`]
        : [];
    }),
    ...[...files.keys()].flatMap(nameFaults),
    ...imports.flatMap((one) => (isOurs(one.to) ? (directionFault(one) ?? folderFault(one)) : packageFault(one)) ?? []),
    ...cycleFaults(graph),
    ...purityFaults(graph),
  ];
  return [...new Set(faults)];
};
