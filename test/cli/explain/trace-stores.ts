/** Servers that serve the traces of a file in the formats of Tempo and Jaeger. */
import { readFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

interface Attribute {
  readonly key: string;
  readonly value: Record<string, string | number | boolean>;
}

interface OtlpSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly links?: ReadonlyArray<{ readonly traceId: string; readonly spanId: string }>;
  readonly status?: { readonly code?: number; readonly message?: string };
  readonly attributes: ReadonlyArray<Attribute>;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly kind: number;
}

interface Group {
  readonly resource: { readonly attributes: ReadonlyArray<Attribute> };
  readonly scopeSpans: ReadonlyArray<{ readonly scope?: unknown; readonly spans: ReadonlyArray<OtlpSpan> }>;
}

const groupsIn = (file: string): ReadonlyArray<Group> =>
  readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .flatMap((line) => (JSON.parse(line) as { resourceSpans?: ReadonlyArray<Group> }).resourceSpans ?? []);

/** The groups of one trace. */
const ofTrace = (groups: ReadonlyArray<Group>, traceId: string): ReadonlyArray<Group> =>
  groups.flatMap((group) => {
    const spans = group.scopeSpans.flatMap((scope) => scope.spans).filter((span) => span.traceId === traceId);
    return spans.length === 0 ? [] : [{ ...group, scopeSpans: [{ scope: { name: "firelight" }, spans }] }];
  });

const base64 = (hex: string | undefined): string => Buffer.from(hex ?? "", "hex").toString("base64");
const kinds = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
const codes = ["UNSET", "OK", "ERROR"];

/** Protobuf JSON: ids in base64, enums by name. */
const asTempo = (groups: ReadonlyArray<Group>): unknown =>
  groups.map((group) => ({
    ...group,
    scopeSpans: group.scopeSpans.map(({ scope, spans }) => ({
      scope,
      spans: spans.map((span) => ({
        ...span,
        traceId: base64(span.traceId),
        spanId: base64(span.spanId),
        parentSpanId: base64(span.parentSpanId),
        kind: `SPAN_KIND_${kinds[span.kind]}`,
        links: span.links?.map((link) => ({ traceId: base64(link.traceId), spanId: base64(link.spanId) })),
        status: { ...span.status, code: `STATUS_CODE_${codes[span.status?.code ?? 0]}` },
      })),
    })),
  }));

const tag = ({ key, value }: Attribute): unknown => {
  if (value["intValue"] !== undefined) return { key, type: "int64", value: Number(value["intValue"]) };
  if (value["doubleValue"] !== undefined) return { key, type: "float64", value: value["doubleValue"] };
  if (value["boolValue"] !== undefined) return { key, type: "bool", value: value["boolValue"] };
  return { key, type: "string", value: value["stringValue"] };
};

const micros = (nanos: string): number => Math.round(Number(nanos) / 1_000);

const reference = (refType: string, ref: { traceId: string; spanId: string }) => ({
  refType,
  traceID: ref.traceId.replace(/^0+/, ""),
  spanID: ref.spanId,
});

const asJaeger = (groups: ReadonlyArray<Group>, traceID: string): unknown => ({
  data: [
    {
      traceID,
      spans: groups.flatMap((group, position) =>
        group.scopeSpans.flatMap(({ spans }) =>
          spans.map((span) => ({
            traceID: span.traceId.replace(/^0+/, ""),
            spanID: span.spanId,
            operationName: span.name,
            references: [
              ...(span.parentSpanId ? [reference("CHILD_OF", { ...span, spanId: span.parentSpanId })] : []),
              ...(span.links ?? []).map((link) => reference("FOLLOWS_FROM", link)),
            ],
            startTime: micros(span.startTimeUnixNano),
            duration: micros(span.endTimeUnixNano) - micros(span.startTimeUnixNano),
            tags: [
              ...span.attributes.map(tag),
              { key: "span.kind", type: "string", value: kinds[span.kind]!.toLowerCase() },
              ...(span.status?.code === 2
                ? [
                    { key: "otel.status_code", type: "string", value: "ERROR" },
                    { key: "error", type: "bool", value: true },
                    { key: "otel.status_description", type: "string", value: span.status.message },
                  ]
                : []),
            ],
            logs: [],
            processID: `p${position}`,
            warnings: null,
          })),
        ),
      ),
      processes: Object.fromEntries(
        groups.map(({ resource }, position) => {
          const service = resource.attributes.find(({ key }) => key === "service.name");
          return [`p${position}`, { serviceName: service?.value["stringValue"], tags: [] }];
        }),
      ),
    },
  ],
  total: 0,
  errors: null,
});

/** The response of a kind of server to a path. `undefined`: not found. */
type Answers = (path: string, find: (traceId: string) => ReadonlyArray<Group>) => unknown;

const under =
  (prefix: string, wrap: (groups: ReadonlyArray<Group>, traceId: string) => unknown): Answers =>
  (path, find) => {
    if (!path.startsWith(prefix)) return undefined;
    const traceId = path.slice(prefix.length);
    const groups = find(traceId);
    return groups.length === 0 ? undefined : wrap(groups, traceId);
  };

/** The kinds of servers. */
export const storeKinds: Readonly<Record<string, { readonly option: string; readonly answers: Answers }>> = {
  "Tempo 2": {
    option: "--tempo",
    answers: under("/api/v2/traces/", (groups) => ({ trace: { resourceSpans: asTempo(groups) }, metrics: {} })),
  },
  "an older Tempo": { option: "--tempo", answers: under("/api/traces/", (groups) => ({ batches: asTempo(groups) })) },
  Jaeger: { option: "--jaeger", answers: under("/api/traces/", asJaeger) },
  "Jaeger with only version 3 of its API": {
    option: "--jaeger",
    answers: under("/api/v3/traces/", (groups) => ({ result: { resourceSpans: groups } })),
  },
};

export interface TraceStoreServer {
  readonly url: string;
  /** The requests that it received. */
  readonly asked: ReadonlyArray<{ readonly path: string; readonly headers: IncomingHttpHeaders }>;
}

/** Serves the traces of a file until the test ends. */
export const serveTraces = async (file: string, answers: Answers): Promise<TraceStoreServer> => {
  const groups = groupsIn(file);
  const asked: Array<{ readonly path: string; readonly headers: IncomingHttpHeaders }> = [];
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    asked.push({ path, headers: request.headers });
    const answer = answers(path, (traceId) => ofTrace(groups, traceId));
    response.writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(answer ?? { data: null, errors: [{ code: 404, msg: "trace not found" }] }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
};
