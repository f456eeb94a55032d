/**
 * gRPC with grpc-js: one channel and one client for all calls, as gRPC's page on performance advises; telemetry by
 * OpenTelemetry's instrumentation, which patches what is loaded with `require` after it.
 *
 * @see https://grpc.io/docs/guides/performance/
 * @see https://github.com/grpc/grpc-node/tree/master/packages/grpc-js
 * @see https://github.com/open-telemetry/opentelemetry-js/tree/main/experimental/packages/opentelemetry-instrumentation-grpc
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import type * as Grpc from "@grpc/grpc-js";
import type * as ProtoLoader from "@grpc/proto-loader";
import { registerInstrumentations } from "@opentelemetry/instrumentation";
import { GrpcInstrumentation } from "@opentelemetry/instrumentation-grpc";
import type { Contestant, Settings } from "../harness/contestant.ts";
import { accept, type Order, order, type Receipt } from "../harness/payloads.ts";
import { startTracingAndMetrics } from "../harness/sdk.ts";

let spans: (() => Promise<number>) | undefined;

const require = createRequire(import.meta.url);

type Callback = (error: Error | null, receipt?: Receipt) => void;

interface OrdersClient {
  accept(order: Order, callback: Callback): void;
}

const load = ({ telemetry }: Settings) => {
  if (telemetry === "on") {
    spans = startTracingAndMetrics().spans;
    registerInstrumentations({ instrumentations: [new GrpcInstrumentation()] });
  }
  const grpc = require("@grpc/grpc-js") as typeof Grpc;
  const { loadSync } = require("@grpc/proto-loader") as typeof ProtoLoader;
  const { bench } = grpc.loadPackageDefinition(loadSync(join(import.meta.dirname, "orders.proto"))) as unknown as {
    readonly bench: { readonly Orders: Grpc.ServiceClientConstructor };
  };
  return { grpc, Orders: bench.Orders };
};

export const contestant: Contestant = {
  serve: (settings) => {
    const { grpc, Orders } = load(settings);
    const server = new grpc.Server();
    server.addService(Orders.service, {
      accept: ({ request }: { readonly request: Order }, callback: Callback) => callback(null, accept(request)),
    });
    return new Promise((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(`127.0.0.1:${port}`) : reject(error),
      );
    });
  },
  connect: async (address, settings) => {
    const { grpc, Orders } = load(settings);
    const client = new Orders(address, grpc.credentials.createInsecure()) as unknown as OrdersClient;
    return {
      call: () =>
        new Promise((resolve, reject) => {
          client.accept(order, (error, receipt) => (error === null ? resolve(receipt) : reject(error)));
        }),
    };
  },
  spans: async () => (await spans?.()) ?? 0,
};
