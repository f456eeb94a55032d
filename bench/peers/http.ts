/**
 * The bare HTTP of Node with OpenTelemetry's instrumentations of its client and server, traces and metrics, as their
 * pages set them up. A module that is loaded with `require` after an instrumentation is what that instrumentation patches.
 *
 * @see https://opentelemetry.io/docs/languages/js/libraries/
 * @see https://github.com/open-telemetry/opentelemetry-js-contrib/tree/main/packages/instrumentation-undici
 * @see https://github.com/open-telemetry/opentelemetry-js/tree/main/experimental/packages/opentelemetry-instrumentation-http
 */
import { createRequire } from "node:module";
import type * as Http from "node:http";
import type { AddressInfo } from "node:net";
import { registerInstrumentations } from "@opentelemetry/instrumentation";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import type * as Undici from "undici";
import type { Contestant } from "../harness/contestant.ts";
import { accept, type Order, order } from "../harness/payloads.ts";
import { startTracingAndMetrics } from "../harness/sdk.ts";

const sdk = startTracingAndMetrics();
registerInstrumentations({ instrumentations: [new HttpInstrumentation(), new UndiciInstrumentation()] });

const require = createRequire(import.meta.url);
const headers = { "content-type": "application/json" };

export const contestant: Contestant = {
  serve: () => {
    const { createServer } = require("node:http") as typeof Http;
    const server = createServer((request, response) => {
      const chunks: Array<Buffer> = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        response.writeHead(200, headers);
        response.end(JSON.stringify(accept(JSON.parse(Buffer.concat(chunks).toString()) as Order)));
      });
    });
    return new Promise((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
    });
  },
  connect: async (url) => {
    const { Pool } = require("undici") as typeof Undici;
    const pool = new Pool(url, { connections: null, pipelining: 1 });
    return {
      call: async () =>
        (await pool.request({ path: "/", method: "POST", headers, body: JSON.stringify(order) })).body.json(),
    };
  },
  spans: sdk.spans,
};
