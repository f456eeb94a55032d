/**
 * Finds a real OpenTelemetry Collector with the components that the configurations in `otel/` need, or builds one from
 * the manifest with Go.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { parse } from "yaml";

const root = join(import.meta.dirname, "..");

/** Returns the file names of the collector configurations in `otel/`. Some extend others. */
export const collectorConfigs = (): ReadonlyArray<string> =>
  readdirSync(join(root, "otel"))
    .filter((name) => /^collector.*\.yaml$/.test(name))
    .sort();

/** The manifest in `otel/` and the binary built from it. */
export interface CollectorManifest {
  readonly file: string;
  readonly binary: string;
  /** Version of the collector and of the builder, such as `0.158.0`. */
  readonly version: string;
  /** The Go modules of its components, by kind. */
  readonly modules: Readonly<Record<ComponentKind, ReadonlyArray<string>>>;
}

const kinds = ["receivers", "processors", "connectors", "exporters", "extensions"] as const;
export type ComponentKind = (typeof kinds)[number];
/** Names of components as in configurations, by kind. */
export type Components = Readonly<Record<ComponentKind, ReadonlyArray<string>>>;

interface ManifestFile extends Partial<Record<ComponentKind, ReadonlyArray<{ readonly gomod: string }>>> {
  readonly dist: { readonly name: string; readonly version: string; readonly output_path: string };
}

/** Reads `otel/builder.yaml`. */
export const readManifest = (): CollectorManifest => {
  const file = join(root, "otel/builder.yaml");
  const { dist, ...lists } = parse(readFileSync(file, "utf8")) as ManifestFile;
  const modulesOf = (kind: ComponentKind): ReadonlyArray<string> =>
    (lists[kind] ?? []).map(({ gomod }) => gomod.split(" ")[0]!);
  return {
    file,
    binary: join(root, dist.output_path, dist.name),
    version: dist.version,
    modules: Object.fromEntries(kinds.map((kind) => [kind, modulesOf(kind)])) as CollectorManifest["modules"],
  };
};

/** Returns the components of a binary. Throws if it cannot be executed. */
export const componentsOf = (binary: string): Components => {
  const said = parse(execFileSync(binary, ["components"], { encoding: "utf8" })) as Partial<
    Record<ComponentKind, ReadonlyArray<{ readonly name: string }> | null>
  >;
  return Object.fromEntries(
    kinds.map((kind) => [kind, (said[kind] ?? []).map(({ name }) => name)]),
  ) as unknown as Components;
};

/** Returns the needed components that a collector lacks, such as `connectors/span_metrics`. */
export const missingIn = (needed: Components, present: Components): ReadonlyArray<string> =>
  kinds.flatMap((kind) =>
    needed[kind].filter((name) => !present[kind].includes(name)).map((name) => `${kind}/${name}`),
  );

const typesIn = (section: unknown): ReadonlyArray<string> =>
  typeof section === "object" && section !== null ? Object.keys(section).map((id) => id.split("/")[0]!) : [];

/** Returns the components that all configurations use together. */
export const componentsNamed = (): Components => {
  const sections = collectorConfigs().map(
    (name) => parse(readFileSync(join(root, "otel", name), "utf8")) as Record<string, unknown>,
  );
  return Object.fromEntries(
    kinds.map((kind) => [kind, [...new Set(sections.flatMap((config) => typesIn(config[kind])))].sort()]),
  ) as unknown as Components;
};

const onPath = (name: string): string | undefined =>
  (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));

const stampOf = ({ file }: CollectorManifest): string => createHash("sha256").update(readFileSync(file)).digest("hex");

const isBuilt = (manifest: CollectorManifest): boolean =>
  existsSync(manifest.binary) &&
  existsSync(`${manifest.binary}.built-from`) &&
  readFileSync(`${manifest.binary}.built-from`, "utf8") === stampOf(manifest);

/** Builds a manifest's binary with Go, unless it is up to date. Throws with the last lines of the builder's output. */
const build = (manifest: CollectorManifest, report: (line: string) => void): void => {
  if (isBuilt(manifest)) return;
  mkdirSync(join(root, ".cache"), { recursive: true });
  const startedAt = performance.now();
  report(`Building ${manifest.binary} from ${manifest.file}. The first build takes a few minutes.`);
  const builder = `go.opentelemetry.io/collector/cmd/builder@v${manifest.version}`;
  const { status, error, stderr } = spawnSync("go", ["run", builder, "--config", manifest.file, "--ldflags=-s -w"], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, CGO_ENABLED: "0" },
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) {
    throw new Error(
      `Failed to build the collector: ${error?.message ?? stderr.trim().split("\n").slice(-5).join("\n")}`,
    );
  }
  writeFileSync(`${manifest.binary}.built-from`, stampOf(manifest));
  report(`Built in ${((performance.now() - startedAt) / 1000).toFixed(0)} s.`);
};

/** A collector, or why there is none. */
export type Found = { readonly binary: string } | { readonly missing: string };

const lacking = (binary: string): ReadonlyArray<string> => missingIn(componentsNamed(), componentsOf(binary));

/**
 * Returns a collector with every component that the configurations use: the one in `FIRELIGHT_COLLECTOR`, otherwise the
 * one built from the manifest, otherwise `otelcol-contrib` or `otelcol` on the PATH, otherwise one that is built now.
 */
export const findCollector = (report: (line: string) => void): Found => {
  const manifest = readManifest();
  const named = process.env["FIRELIGHT_COLLECTOR"];
  if (named !== undefined && named !== "") {
    if (!existsSync(named)) return { missing: `FIRELIGHT_COLLECTOR is ${named}, which does not exist.` };
    const lacks = lacking(named);
    return lacks.length === 0 ? { binary: named } : { missing: `${named} has no ${lacks.join(", ")}.` };
  }
  if (isBuilt(manifest)) return { binary: manifest.binary };
  for (const name of ["otelcol-contrib", "otelcol"]) {
    const found = onPath(name);
    if (found !== undefined && lacking(found).length === 0) return { binary: found };
  }
  if (onPath("go") === undefined) {
    return {
      missing:
        "Found neither an OpenTelemetry Collector nor Go to build one. Install Go 1.26 or newer, put an otelcol-contrib with the components in otel/builder.yaml on the PATH, or set FIRELIGHT_COLLECTOR.",
    };
  }
  build(manifest, report);
  return { binary: manifest.binary };
};
