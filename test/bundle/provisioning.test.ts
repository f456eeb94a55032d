/** The configurations of Prometheus, Alertmanager, the collector and Grafana agree with the compose file and with each other. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { metrics as catalog } from "../../src/telemetry/catalog.ts";
import { composeFiles, inProject, portsOf, readCompose, readText, readYaml, root } from "./composed.ts";

const { services } = readCompose("docker-compose.yml");

interface DataSource {
  readonly uid: string;
  readonly type: string;
  readonly url: string;
  readonly jsonData: Readonly<Record<string, unknown>>;
}

const dataSources = readYaml<{ readonly datasources: ReadonlyArray<DataSource> }>(
  "grafana/provisioning/datasources/firelight.yaml",
).datasources;
const uids = dataSources.map(({ uid }) => uid);

/** The values of all properties with one of these names, at any depth. */
const valuesOf = (names: ReadonlyArray<string>, inside: unknown): ReadonlyArray<unknown> =>
  typeof inside !== "object" || inside === null
    ? []
    : Object.entries(inside).flatMap(([name, value]) =>
        names.includes(name) && typeof value !== "object" ? [value] : valuesOf(names, value),
      );

const listens = (host: string, port: number): boolean =>
  services[host] !== undefined && portsOf(host, services[host]).includes(port);

const addressesIn = (text: string): ReadonlyArray<readonly [host: string, port: number]> =>
  [...text.matchAll(/(?:http:\/\/|")([a-z][\w-]*):(\d+)/g)].map(([, host, port]) => [host!, Number(port)]);

test.each([
  ["otel/prometheus.yaml", 4],
  ["otel/alertmanager.yaml", 1],
  ["otel/collector.yaml", 2],
  ["grafana/provisioning/datasources/firelight.yaml", 4],
  ["grafana/provisioning/alerting/contact-points.yaml", 1],
])("%s has only addresses of services that listen there", (file, atLeast) => {
  const addresses = addressesIn(readText(file)).filter(([host]) => host !== "localhost");
  expect(addresses.length).toBeGreaterThanOrEqual(atLeast);
  expect(addresses.filter(([host, port]) => !listens(host, port))).toEqual([]);
});

describe("data sources", () => {
  test("have the uids that dashboards use", () => {
    expect(uids.toSorted()).toEqual(["alertmanager", "loki", "prometheus", "tempo"]);
    for (const { uid, type } of dataSources) expect(type).toBe(uid);
  });

  test("refer to each other by uids that exist", () => {
    const named = dataSources.flatMap(({ jsonData }) => valuesOf(["datasourceUid", "alertmanagerUid"], jsonData));
    expect(named.length).toBeGreaterThanOrEqual(6);
    expect(named.filter((uid) => !uids.includes(uid as string))).toEqual([]);
  });

  test("link exemplars to traces by the label trace_id", () => {
    const prometheus = dataSources.find(({ uid }) => uid === "prometheus")!.jsonData;
    expect(prometheus["exemplarTraceIdDestinations"]).toMatchObject([{ name: "trace_id", datasourceUid: "tempo" }]);
  });

  test("link spans to metrics of the catalog", () => {
    const tempo = dataSources.find(({ uid }) => uid === "tempo")!.jsonData;
    const queries = valuesOf(["query"], tempo["tracesToMetrics"]).map(String);
    const known = new Set(Object.values(catalog).map(({ name }) => name as string));
    const named = queries.flatMap((query) => query.match(/\b(?:flame|rpc)_\w+_seconds/g) ?? []);
    expect(named).toHaveLength(3);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });
});

test("Grafana's alert policies use a contact point that exists", () => {
  interface Alerting {
    readonly contactPoints: ReadonlyArray<{ readonly name: string }>;
    readonly policies: ReadonlyArray<{ readonly receiver: string }>;
  }
  const { contactPoints, policies } = readYaml<Alerting>("grafana/provisioning/alerting/contact-points.yaml");
  const names = contactPoints.map(({ name }) => name);
  expect(policies.map(({ receiver }) => receiver).filter((name) => !names.includes(name))).toEqual([]);
});

describe("dashboards", () => {
  interface Providers {
    readonly providers: ReadonlyArray<{ readonly options: { readonly path: string } }>;
  }
  const [provider] = readYaml<Providers>("grafana/provisioning/dashboards/firelight.yaml").providers;

  test.each(composeFiles)("are mounted where Grafana's provider reads them, in %s", (file) => {
    const grafana = Object.values(readCompose(file).services).find((service) =>
      Object.keys(service.environment ?? {}).some((name) => name.startsWith("GF_")),
    )!;
    expect(inProject(grafana, provider!.options.path)).toBe("dashboards");
  });

  const folder = join(root, "dashboards");
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".json")) : [];

  test.skipIf(files.length === 0)("include Grafana's home dashboard", () => {
    const home = services["grafana"]!.environment!["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]!;
    expect(existsSync(join(root, inProject(services["grafana"]!, home)!))).toBe(true);
  });

  test.each(files)("%s uses only data sources that exist or are selected by a variable", (name) => {
    const dashboard = JSON.parse(readText(`dashboards/${name}`)) as unknown;
    const asked = JSON.stringify(dashboard).matchAll(/"datasource":\{[^{}]*?"uid":"([^"]+)"/g);
    const wrong = [...asked].map(([, uid]) => uid!).filter((uid) => !/^(\$|-- )/.test(uid) && !uids.includes(uid));
    expect(wrong.filter((uid) => uid !== "grafana")).toEqual([]);
  });
});

describe("rules", () => {
  const folder = join(root, "otel/rules");

  test.skipIf(!existsSync(folder))("exist where Prometheus's config reads them", () => {
    const { rule_files } = readYaml<{ readonly rule_files: ReadonlyArray<string> }>("otel/prometheus.yaml");
    expect(rule_files).toEqual(["rules/*.yaml"]);
    expect(readdirSync(folder).filter((name) => name.endsWith(".yaml")).length).toBeGreaterThan(0);
  });
});
