/**
 * Finds the servers that the stack tests start. Tests are skipped if one is missing; with FIRELIGHT_STACK=required, as in CI,
 * that is an error.
 */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

export type ServerName = "prometheus" | "alertmanager" | "promtool";

interface Server {
  /** Names of the program, upstream and in Debian. */
  readonly programs: ReadonlyArray<string>;
  readonly package: string;
}

const servers: Readonly<Record<ServerName, Server>> = {
  prometheus: { programs: ["prometheus"], package: "prometheus" },
  promtool: { programs: ["promtool"], package: "prometheus" },
  alertmanager: { programs: ["prometheus-alertmanager", "alertmanager"], package: "prometheus-alertmanager" },
};

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

const find = (name: ServerName): string | undefined => {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return servers[name].programs
    .flatMap((program) => folders.map((folder) => join(folder, program)))
    .find((path) => isProgram(path));
};

const howToGet = (name: ServerName): string =>
  `${name} is not on the PATH. On Debian: apt-get install ${servers[name].package}`;

/** Whether a missing server is a failure. */
export const serversRequired = process.env["FIRELIGHT_STACK"] === "required";

/**
 * The path of a server's program.
 *
 * @throws if it is missing, with a hint how to install it.
 */
export const serverPath = (name: ServerName): string => {
  const path = find(name);
  if (path === undefined) throw new Error(howToGet(name));
  return path;
};

/**
 * Whether one of the servers is missing, for `describe.skipIf(lacks("prometheus"))`. Prints how to install the missing ones.
 *
 * @throws if one is missing and FIRELIGHT_STACK=required.
 */
export const lacks = (...names: ReadonlyArray<ServerName>): boolean => {
  const missing = names.filter((name) => find(name) === undefined).map(howToGet);
  if (missing.length === 0) return false;
  if (serversRequired) throw new Error(`FIRELIGHT_STACK=required, but ${missing.join("; ")}`);
  console.warn(`Skipped, because ${missing.join("; ")}.`);
  return true;
};
