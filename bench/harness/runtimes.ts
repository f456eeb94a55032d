/** The runtimes that the project brings along. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Runtime } from "./contestant.ts";

const root = join(import.meta.dirname, "../..");

export const executableOf = (runtime: Runtime): string => join(root, "node_modules/.bin", runtime);

const versionOf = (file: string): string => (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;

export const describeRuntime = (runtime: Runtime): string =>
  `${runtime === "node" ? "Node" : "Bun"} ${versionOf(join(root, "node_modules", runtime, "package.json"))}`;

const compared = ["@effect/platform-node", "moleculer", "@grpc/grpc-js", "@opentelemetry/sdk-node", "undici"];

/** The versions of what takes part. */
export const describeVersions = (peers: boolean): string =>
  [
    `firelight ${versionOf(join(root, "package.json"))}`,
    ...(peers
      ? compared.map((name) => `${name} ${versionOf(join(root, "bench/node_modules", name, "package.json"))}`)
      : []),
  ].join(", ");
