/** Reads services, ports and mounts from the files of the composed stack. */
import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { parse } from "yaml";

export const root = join(import.meta.dirname, "../..");

export const readText = (path: string): string => readFileSync(join(root, path), "utf8");

/** Reads a YAML file of the project. The caller states its type. */
export const readYaml = <A>(path: string): A => parse(readText(path), { merge: true }) as A;

export interface ComposeService {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: ReadonlyArray<string>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: ReadonlyArray<string>;
  readonly ports?: ReadonlyArray<string>;
  readonly depends_on?: ReadonlyArray<string>;
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

export const composeFiles = ["docker-compose.yml", "docker-compose.lgtm.yml"] as const;

export const readCompose = (name: string): ComposeFile => readYaml<ComposeFile>(name);

export interface Mount {
  /** A path of the project, such as `otel`. */
  readonly source: string;
  readonly target: string;
}

const splitMounts = (service: ComposeService): ReadonlyArray<readonly [source: string, target: string]> =>
  (service.volumes ?? []).map((volume) => {
    const [source = "", target = ""] = volume.split(":");
    return [source, target];
  });

/** The files and folders of the project that are mounted into a container. */
export const mountsOf = (service: ComposeService): ReadonlyArray<Mount> =>
  splitMounts(service)
    .filter(([source]) => source.startsWith("./"))
    .map(([source, target]) => ({ source: posix.normalize(source), target }));

/** The named volumes of a container. */
export const volumesOf = (service: ComposeService): ReadonlyArray<string> =>
  splitMounts(service)
    .map(([source]) => source)
    .filter((source) => !source.startsWith("./"));

/** Maps a path in a container to its path in the project, by the longest matching mount. */
export const inProject = (service: ComposeService, path: string): string | undefined => {
  const [mount] = mountsOf(service)
    .filter(({ target }) => path === target || path.startsWith(`${target}/`))
    .toSorted((left, right) => right.target.length - left.target.length);
  return mount && posix.join(mount.source, path.slice(mount.target.length));
};

/** Folders of generated dashboards and rules. */
export const generated: ReadonlySet<string> = new Set(["dashboards", "otel/rules"]);

const defaultPorts = (text: string): ReadonlyArray<number> =>
  [...text.matchAll(/\$\{env:FIRELIGHT_\w+_PORT:-(\d+)\}/g)].map(([, port]) => Number(port));

interface TempoFile {
  readonly server: { readonly http_listen_port: number };
  readonly distributor: {
    readonly receivers: {
      readonly otlp: { readonly protocols: Readonly<Record<string, { readonly endpoint: string }>> };
    };
  };
}

const tempoPorts = (): ReadonlyArray<number> => {
  const { server, distributor } = readYaml<TempoFile>("otel/tempo.yaml");
  const endpoints = Object.values(distributor.receivers.otlp.protocols).map(({ endpoint }) => endpoint);
  return [server.http_listen_port, ...endpoints.map((endpoint) => Number(endpoint.split(":").at(-1)))];
};

/** Default ports of programs whose ports are not configured here. */
const wellKnown: Readonly<Record<string, ReadonlyArray<number>>> = {
  prometheus: [9090],
  alertmanager: [9093],
  grafana: [3000],
  lgtm: [3000, 3200, 4317, 4318, 9090],
};

/** The ports that a service listens on, according to its configuration. */
export const portsOf = (name: string, service: ComposeService): ReadonlyArray<number> => {
  if (name === "collector") return defaultPorts(readText("otel/collector.yaml"));
  if (name === "tempo") return tempoPorts();
  if (name === "loki") return [readYaml<TempoFile>("otel/loki.yaml").server.http_listen_port];
  const own = service.environment?.["FLAME_PORT"] ?? service.environment?.["PORT"];
  return own === undefined ? (wellKnown[name] ?? []) : [Number(own)];
};
