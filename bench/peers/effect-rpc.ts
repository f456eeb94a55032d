/**
 * Effect's RPC over a WebSocket, with its JSON serialization, which is the one for transports that frame messages. With
 * telemetry, its spans go to the OpenTelemetry SDK through `@effect/opentelemetry`.
 *
 * @see https://effect.website/docs/v4/api/effect/rpc/RpcServer
 * @see https://effect.website/docs/v4/api/effect/rpc/RpcClient
 * @see https://effect.website/docs/v4/api/opentelemetry/NodeSdk
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import * as NodeSdk from "@effect/opentelemetry/NodeSdk";
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer";
import * as NodeSocket from "@effect/platform-node/NodeSocket";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as ManagedRuntime from "effect/ManagedRuntime";
import * as Schema from "effect/Schema";
import * as Scope from "effect/Scope";
import { HttpRouter } from "effect/http";
import { Rpc, RpcClient, RpcGroup, RpcSerialization, RpcServer } from "effect/rpc";
import type { Contestant, Settings } from "../harness/contestant.ts";
import { accept, order } from "../harness/payloads.ts";
import { makeProcessor } from "../harness/sdk.ts";

class Orders extends RpcGroup.make(
  Rpc.make("accept", {
    payload: {
      id: Schema.Number,
      customer: Schema.String,
      items: Schema.Array(Schema.Struct({ sku: Schema.String, quantity: Schema.Number })),
    },
    success: Schema.Struct({ accepted: Schema.Number, lines: Schema.Number }),
  }),
) {}

let spans: (() => Promise<number>) | undefined;

const telemetryLayer = ({ telemetry }: Settings) => {
  if (telemetry !== "on") return Layer.empty;
  const sdk = makeProcessor();
  ({ spans } = sdk);
  return NodeSdk.layer(() => ({ resource: { serviceName: "bench" }, spanProcessor: sdk.processor }));
};

export const contestant: Contestant = {
  serve: async (settings) => {
    const server = createServer();
    const handlers = Orders.toLayer({ accept: (order) => Effect.succeed(accept(order)) });
    const layer = HttpRouter.serve(
      RpcServer.layer(Orders, { disableTracing: settings.telemetry !== "on" }).pipe(
        Layer.provide(handlers),
        Layer.provide(RpcServer.layerProtocolWebsocket({ path: "/rpc" })),
        Layer.provide(RpcSerialization.layerJson),
      ),
      { disableLogger: true, disableListenLog: true },
    ).pipe(
      Layer.provide(NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" })),
      Layer.provide(telemetryLayer(settings)),
    );
    await ManagedRuntime.make(layer).context();
    return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/rpc`;
  },
  connect: async (url, settings) => {
    const layer = RpcClient.layerProtocolSocket().pipe(
      Layer.provide(NodeSocket.layerWebSocket(url)),
      Layer.provide(RpcSerialization.layerJson),
      Layer.provideMerge(telemetryLayer(settings)),
    );
    const runtime = ManagedRuntime.make(layer);
    const scope = Scope.makeUnsafe();
    const make = RpcClient.make(Orders, { disableTracing: settings.telemetry !== "on" });
    const client = await runtime.runPromise(Scope.provide(make, scope));
    const call = client.accept(order);
    return { call: () => runtime.runPromise(call) };
  },
  spans: async () => (await spans?.()) ?? 0,
};
