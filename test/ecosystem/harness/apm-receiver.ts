/** A local server that replaces the collectors of APM vendors and converts what their agents send to spans of one type. */
import { decode } from "@msgpack/msgpack";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { brotliDecompressSync, gunzipSync, inflateSync } from "node:zlib";
import { startReceiver } from "../../otel/otlp-receiver.ts";

/** A span, or a vendor's equivalent such as a transaction or a segment. */
export interface AgentSpan {
  /** The process that sent it, such as `parent`. */
  readonly service: string;
  readonly name: string;
  /** 32 hex digits, or the last 16 if the vendor sends no more. */
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  /** All of its data as text, for searching. */
  readonly text: string;
}

export interface ApmReceiver extends AsyncDisposable {
  readonly url: string;
  /** The endpoint for OpenTelemetry's exporters. */
  readonly otlpUrl: string;
  spans(): ReadonlyArray<AgentSpan>;
  /** Reported errors with their breadcrumbs. */
  readonly errors: ReadonlyArray<{ readonly service: string; readonly text: string }>;
}

type Json = Readonly<Record<string, any>>;

const asText = (value: unknown): string =>
  JSON.stringify(value, (_key, item: unknown) => (typeof item === "bigint" ? String(item) : item));

const hex = (id: unknown): string =>
  BigInt.asUintN(64, BigInt((id as bigint | number | undefined) ?? 0))
    .toString(16)
    .padStart(16, "0");

const datadogSpans = (body: Buffer): ReadonlyArray<AgentSpan> =>
  (decode(body, { useBigInt64: true }) as ReadonlyArray<ReadonlyArray<Json>>).flat().map((span) => ({
    service: String(span["service"]),
    name: String(span["name"]),
    traceId: `${span["meta"]?.["_dd.p.tid"] ?? ""}${hex(span["trace_id"])}`,
    spanId: hex(span["span_id"]),
    parentId: hex(span["parent_id"]),
    text: asText(span),
  }));

const jsonLines = (text: string): ReadonlyArray<Json> =>
  text.split("\n").flatMap((line) => {
    try {
      return line.startsWith("{") ? [JSON.parse(line) as Json] : [];
    } catch {
      return [];
    }
  });

const unpacked = (body: Buffer, encoding: string | undefined): Buffer => {
  if (encoding === "gzip") return gunzipSync(body);
  if (encoding === "deflate") return inflateSync(body);
  return encoding === "br" ? brotliDecompressSync(body) : body;
};

/** Listens until it is disposed of. */
export const startApmReceiver = async (): Promise<ApmReceiver> => {
  const otlp = await startReceiver();
  const received: Array<AgentSpan> = [];
  const errors: Array<{ service: string; text: string }> = [];

  const elastic = (body: Buffer): void => {
    let service = "";
    for (const line of jsonLines(body.toString())) {
      service = line["metadata"]?.service?.name ?? service;
      const span = line["transaction"] ?? line["span"];
      if (span !== undefined)
        received.push({
          service,
          name: span.name,
          traceId: span.trace_id,
          spanId: span.id,
          parentId: span.parent_id ?? "",
          text: asText(span),
        });
      if (line["error"] !== undefined) errors.push({ service, text: asText(line["error"]) });
    }
  };

  const sentry = (body: Buffer): void => {
    for (const item of jsonLines(body.toString())) {
      for (const span of (item["items"] as ReadonlyArray<Json> | undefined) ?? []) {
        if (span["span_id"] === undefined) continue;
        received.push({
          service: String(span["attributes"]?.["sentry.environment"]?.value),
          name: span["name"],
          traceId: span["trace_id"],
          spanId: span["span_id"],
          parentId: span["parent_span_id"] ?? "",
          text: asText(span),
        });
      }
      if (item["exception"] !== undefined) errors.push({ service: item["environment"] ?? "", text: asText(item) });
    }
  };

  const server = createServer((request, response) => {
    const chunks: Array<Buffer> = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = unpacked(Buffer.concat(chunks), request.headers["content-encoding"]);
      const url = request.url ?? "";
      if (/^\/v0\.\d\/traces/.test(url)) received.push(...datadogSpans(body));
      else if (url.startsWith("/intake/v2/events")) elastic(body);
      else if (url.includes("/envelope/")) sentry(body);
      response.writeHead(200, { "content-type": "application/json" }).end('{"version":"8.15.0"}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    otlpUrl: otlp.url,
    spans: () => [
      ...received,
      ...otlp.spans.map((span) => ({
        service: String(span.resource["service.name"]),
        name: span.name,
        traceId: span.traceId,
        spanId: span.spanId,
        parentId: span.parentSpanId,
        text: asText({ ...span, resource: undefined }),
      })),
    ],
    errors,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await otlp[Symbol.asyncDispose]();
    },
  };
};
