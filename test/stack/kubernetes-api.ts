/** A minimal Kubernetes API that lists and watches the given pods. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface KubernetesApi extends AsyncDisposable {
  /** A file for `KUBECONFIG`. */
  readonly kubeconfig: string;
  /** The requested resources, such as `pods`. */
  readonly asked: ReadonlySet<string>;
}

const kinds: Readonly<Record<string, string>> = {
  pods: "PodList",
  namespaces: "NamespaceList",
  replicasets: "ReplicaSetList",
};

const send = (response: ServerResponse, status: number, body: unknown): void =>
  void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));

/** Starts the API. Watches stay open without events. Watches that request initial events are rejected, as by old servers. */
export const startKubernetesApi = async (pods: ReadonlyArray<unknown>): Promise<KubernetesApi> => {
  const asked = new Set<string>();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    const resource = url.pathname.split("/").at(-1)!;
    asked.add(resource);
    if (kinds[resource] === undefined) return send(response, 404, { kind: "Status", apiVersion: "v1", code: 404 });
    if (url.searchParams.get("sendInitialEvents") === "true") {
      const declined = { kind: "Status", apiVersion: "v1", status: "Failure", reason: "Invalid", code: 422 };
      return send(response, 422, declined);
    }
    if (url.searchParams.has("watch")) {
      response.writeHead(200, { "content-type": "application/json" }).flushHeaders();
      return undefined;
    }
    return send(response, 200, {
      kind: kinds[resource],
      apiVersion: resource === "replicasets" ? "apps/v1" : "v1",
      metadata: { resourceVersion: "1" },
      items: resource === "pods" ? pods : [],
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const folder = mkdtempSync(join(tmpdir(), "firelight-kubernetes-"));
  const kubeconfig = join(folder, "config");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "test",
      clusters: [{ name: "test", cluster: { server: url } }],
      users: [{ name: "test", user: {} }],
      contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
    }),
  );
  return {
    kubeconfig,
    asked,
    [Symbol.asyncDispose]: async () => {
      rmSync(folder, { recursive: true, force: true });
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
};
