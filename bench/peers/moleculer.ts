/**
 * Moleculer with its TCP transporter, both nodes in its list of addresses, and the serializer that its page calls the
 * fastest. With telemetry: its metrics, and its tracing of every action with an exporter of ours that discards spans.
 *
 * @see https://moleculer.services/docs/0.15/networking#TCP-transporter
 * @see https://moleculer.services/docs/0.15/networking#CBOR-serializer
 * @see https://moleculer.services/docs/0.15/metrics
 * @see https://moleculer.services/docs/0.15/tracing
 */
import { type AddressInfo, createServer } from "node:net";
import { type Context, ServiceBroker, TracerExporters } from "moleculer";
import type { Contestant, Settings } from "../harness/contestant.ts";
import { accept, type Order, order } from "../harness/payloads.ts";

let finished = 0;

class DiscardSpans extends TracerExporters.Base {
  override spanFinished(): void {
    finished++;
  }
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

const makeBroker = (nodeID: string, urls: ReadonlyArray<string>, { telemetry }: Settings): ServiceBroker => {
  const on = telemetry === "on";
  /** Its types know neither a list of addresses nor the exporters of users, which its pages describe. */
  const untyped: object = {
    transporter: { type: "TCP", options: { udpDiscovery: false, urls, useHostname: false } },
    tracing: { enabled: on, exporter: on ? [new DiscardSpans({})] : [] },
  };
  return new ServiceBroker({
    nodeID,
    logger: false,
    serializer: "CBOR",
    metrics: { enabled: on, reporter: [] },
    ...untyped,
  });
};

export const contestant: Contestant = {
  serve: async (settings) => {
    const ports = [await freePort(), await freePort()];
    const urls = [`127.0.0.1:${ports[0]}/server`, `127.0.0.1:${ports[1]}/client`];
    const broker = makeBroker("server", urls, settings);
    broker.createService({
      name: "bench",
      actions: { accept: ({ params }: Context<Order>) => accept(params) },
    });
    await broker.start();
    return urls.join(",");
  },
  connect: async (urls, settings) => {
    const broker = makeBroker("client", urls.split(","), settings);
    await broker.start();
    await broker.waitForServices("bench");
    return { call: () => broker.call("bench.accept", order) };
  },
  spans: async () => finished,
};
