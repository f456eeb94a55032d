/** The builder's manifest and the collector configs name the same components: none is missing and none is unused. */
import { expect, test } from "vitest";
import { type ComponentKind, collectorConfigs, componentsNamed, readManifest } from "../../scripts/collector.ts";

const suffixes: Readonly<Record<ComponentKind, string>> = {
  receivers: "receiver",
  processors: "processor",
  connectors: "connector",
  exporters: "exporter",
  extensions: "extension",
};

/** The component's name: the last part of the module's path, without the suffix of its kind. */
const inModule = (kind: ComponentKind, module: string): string => {
  const last = module.split("/").at(-1)!;
  return last.endsWith(suffixes[kind]) ? last.slice(0, -suffixes[kind].length) : last;
};

test("collector configs exist for one tier, two tiers, Kubernetes and a file", () => {
  expect(collectorConfigs()).toEqual([
    "collector-balancer.yaml",
    "collector-file.yaml",
    "collector-kubernetes.yaml",
    "collector.yaml",
  ]);
});

test.each(Object.keys(suffixes) as ReadonlyArray<ComponentKind>)(
  "the manifest builds exactly the %s that the configs use",
  (kind) => {
    const built = readManifest().modules[kind].map((module) => inModule(kind, module));
    const named = componentsNamed()[kind].map((name) => name.replaceAll("_", ""));
    expect(built.toSorted()).toEqual(named.toSorted());
  },
);
