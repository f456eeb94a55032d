/** The builder's manifest and the collector configs name the same components: no config lacks one, and none is built for nothing. */
import { expect, test } from "vitest";
import { type ComponentKind, collectorConfigs, componentsNamed, readManifest } from "../../scripts/collector.ts";

const suffixes: Readonly<Record<ComponentKind, string>> = {
  receivers: "receiver",
  processors: "processor",
  connectors: "connector",
  exporters: "exporter",
  extensions: "extension",
};

/** The last part of a module's path is the component's name without underscores, and as a rule its kind. */
const inModule = (kind: ComponentKind, module: string): string => {
  const last = module.split("/").at(-1)!;
  return last.endsWith(suffixes[kind]) ? last.slice(0, -suffixes[kind].length) : last;
};

test("there are configs for one tier, two tiers, Kubernetes and a file", () => {
  expect(collectorConfigs()).toEqual([
    "collector-balancer.yaml",
    "collector-file.yaml",
    "collector-kubernetes.yaml",
    "collector.yaml",
  ]);
});

test.each(Object.keys(suffixes) as ReadonlyArray<ComponentKind>)(
  "the manifest's %s are those of the configs",
  (kind) => {
    const built = readManifest().modules[kind].map((module) => inModule(kind, module));
    const named = componentsNamed()[kind].map((name) => name.replaceAll("_", ""));
    expect(built.toSorted()).toEqual(named.toSorted());
  },
);
