/** The collector config for Kubernetes, with an API that responds like a cluster's. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { waitFor } from "../harness/wait-for.ts";
import { startKubernetesApi } from "./kubernetes-api.ts";
import { readFiled } from "./otlp-file.ts";
import { haveCollector, startCollector } from "./running-collector.ts";
import { runShop } from "./shop.ts";

const rbac = join(import.meta.dirname, "../../otel/kubernetes-rbac.yaml");

interface Rule {
  readonly resources: ReadonlyArray<string>;
}

const metadata = {
  name: "shop-6c9fbf7d4-x2x4x",
  namespace: "retail",
  uid: "6a7d2c52-8d6e-4a0c-9a38-0f2f3a3f4b11",
  creationTimestamp: "2026-11-01T10:00:00Z",
  labels: {
    "app.kubernetes.io/part-of": "webshop",
    "app.kubernetes.io/version": "1.4.2",
    "pod-template-hash": "6c9fbf7d4",
  },
  ownerReferences: [
    { apiVersion: "apps/v1", kind: "ReplicaSet", name: "shop-6c9fbf7d4", uid: "f3b5c8a4", controller: true },
  ],
};

/** The pod with this machine's address. */
const pod = {
  metadata,
  spec: { nodeName: "node-7", containers: [{ name: "shop", image: "shop:1.4.2" }] },
  status: { phase: "Running", podIP: "127.0.0.1", podIPs: [{ ip: "127.0.0.1" }], startTime: "2026-11-01T10:00:05Z" },
};

const another = {
  ...pod,
  metadata: { ...metadata, name: "other", uid: "0c8f6f0e", labels: {}, ownerReferences: [] },
  status: { ...pod.status, podIP: "10.1.2.3", podIPs: [{ ip: "10.1.2.3" }] },
};

describe.skipIf(!haveCollector)("a collector with otel/collector-kubernetes.yaml", () => {
  test("adds pod, deployment and node to all resources, and reads only what its role allows", async () => {
    await using api = await startKubernetesApi([another, pod]);
    await using collector = await startCollector(
      ["collector.yaml", "collector-kubernetes.yaml", "collector-file.yaml"],
      {
        FIRELIGHT_KUBERNETES_AUTH: "kubeConfig",
        KUBECONFIG: api.kubeconfig,
        FIRELIGHT_CLUSTER: "blue",
        FIRELIGHT_SAMPLE_PERCENT: "100",
      },
    );
    await runShop(collector.otlpUrl, { OK_CALLS: "1" });
    const filed = await waitFor(
      () => {
        const { spans, logs, metrics } = readFiled(collector.written());
        return spans.length > 0 && logs.length > 0 && metrics.length > 0 && { spans, logs, metrics };
      },
      { timeoutMs: 30_000, everyMs: 100, what: "spans, log records and metrics in the file" },
    );
    for (const { resource } of [...filed.spans, ...filed.logs, ...filed.metrics]) {
      expect(resource).toMatchObject({
        "k8s.pod.name": "shop-6c9fbf7d4-x2x4x",
        "k8s.pod.uid": metadata.uid,
        "k8s.namespace.name": "retail",
        "k8s.deployment.name": "shop",
        "k8s.node.name": "node-7",
        "k8s.cluster.name": "blue",
        "service.namespace": "webshop",
        "service.version": "1.4.2",
      });
    }
    const { rules } = parseAllDocuments(readFileSync(rbac, "utf8"))
      .map((document) => document.toJS() as { readonly kind: string; readonly rules: ReadonlyArray<Rule> })
      .find(({ kind }) => kind === "ClusterRole")!;
    expect([...api.asked].sort()).toEqual(rules.flatMap(({ resources }) => resources).sort());
  });
});
