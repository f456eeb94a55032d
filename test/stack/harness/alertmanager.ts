/** A real Alertmanager on a free port, and a receiver of its notifications. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { waitFor } from "../../harness/wait-for.ts";
import type { Labels } from "./prometheus-api.ts";
import { startServer, type RunningServer } from "./server-process.ts";
import { serverPath } from "./servers.ts";

/** An alert in a webhook notification of Alertmanager. */
export interface NotifiedAlert {
  readonly status: "firing" | "resolved";
  readonly labels: Labels;
  readonly annotations: Labels;
}

/** Receives notifications until it is disposed of. */
export interface Pager extends AsyncDisposable {
  readonly url: string;
  /** All alerts of all notifications, in the order of arrival. */
  readonly notified: ReadonlyArray<NotifiedAlert>;
}

/** Starts a receiver of notifications. */
export const startPager = async (): Promise<Pager> => {
  const notified: Array<NotifiedAlert> = [];
  const server = createServer((request, response) => {
    const chunks: Array<Buffer> = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { alerts } = JSON.parse(Buffer.concat(chunks).toString("utf8")) as { alerts: ReadonlyArray<NotifiedAlert> };
      notified.push(...alerts);
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    notified,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

export interface Alertmanager extends RunningServer {
  /** The current alerts, including inhibited ones. */
  alerts(): Promise<
    ReadonlyArray<{
      readonly labels: Labels;
      readonly annotations: Labels;
      readonly status: { readonly state: string };
    }>
  >;
}

export interface AlertmanagerOptions {
  /** Where notifications go. */
  readonly pager: Pager;
  /** A complete configuration. Default: one that sends everything to the pager at once. */
  readonly config?: Readonly<Record<string, unknown>>;
}

const toPager = ({ url }: Pager): Readonly<Record<string, unknown>> => ({
  route: { receiver: "pager", group_by: ["..."], group_wait: "10ms", group_interval: "100ms", repeat_interval: "1h" },
  receivers: [{ name: "pager", webhook_configs: [{ url, send_resolved: true }] }],
});

/** Starts an Alertmanager without a cluster, and waits until it is ready. */
export const startAlertmanager = async ({ pager, config }: AlertmanagerOptions): Promise<Alertmanager> => {
  const server = await startServer({
    program: serverPath("alertmanager"),
    args: (folder) => {
      const file = join(folder, "alertmanager.yml");
      writeFileSync(file, stringify(config ?? toPager(pager)));
      return [
        `--config.file=${file}`,
        `--storage.path=${join(folder, "data")}`,
        "--web.listen-address=127.0.0.1:0",
        "--cluster.listen-address=",
      ];
    },
    listening: /Listening on" address=(\S+)/,
  });
  await waitFor(async () => (await fetch(`${server.url}/-/ready`)).ok, {
    what: `Alertmanager to be ready:\n${server.output()}`,
    timeoutMs: 20_000,
    everyMs: 50,
  });
  return {
    ...server,
    alerts: async () => (await fetch(`${server.url}/api/v2/alerts`)).json() as ReturnType<Alertmanager["alerts"]>,
  };
};
