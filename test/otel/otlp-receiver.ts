/** A server that receives OTLP over HTTP and reads the protobuf fields that tests assert. */
import type { AddressInfo } from "node:net";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { gunzipSync } from "node:zlib";

type Field = number | bigint | Buffer;

/** A protobuf message by field number. Fixed 64-bit values stay bytes: only the reader knows their type. */
class Message {
  readonly #fields = new Map<number, Array<Field>>();

  constructor(bytes: Buffer) {
    let at = 0;
    const varint = (): bigint => {
      let value = 0n;
      for (let shift = 0n; ; shift += 7n) {
        const byte = bytes[at++];
        if (byte === undefined) throw new Error("A message ends inside a varint.");
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
      }
    };
    const take = (length: number): Buffer => bytes.subarray(at, (at += length));
    while (at < bytes.length) {
      const tag = Number(varint());
      const wire = tag & 7;
      const value = wire === 0 ? varint() : wire === 1 ? take(8) : wire === 5 ? take(4) : take(Number(varint()));
      this.#fields.set(tag >> 3, [...(this.#fields.get(tag >> 3) ?? []), value]);
    }
  }

  bytes(field: number): Buffer | undefined {
    return this.#fields.get(field)?.at(-1) as Buffer | undefined;
  }
  text(field: number): string {
    return this.bytes(field)?.toString("utf8") ?? "";
  }
  hex(field: number): string {
    return this.bytes(field)?.toString("hex") ?? "";
  }
  number(field: number): number {
    return Number(this.#fields.get(field)?.at(-1) ?? 0);
  }
  double(field: number): number {
    return this.bytes(field)?.readDoubleLE() ?? 0;
  }
  fixed(field: number): number {
    return Number(this.bytes(field)?.readBigUInt64LE() ?? 0n);
  }
  packed<A>(field: number, read: (buffer: Buffer, offset: number) => A): Array<A> {
    const whole = Buffer.concat((this.#fields.get(field) ?? []) as Array<Buffer>);
    return Array.from({ length: whole.length / 8 }, (_, index) => read(whole, index * 8));
  }
  has(field: number): boolean {
    return this.#fields.has(field);
  }
  all(field: number): Array<Message> {
    return ((this.#fields.get(field) ?? []) as Array<Buffer>).map((bytes) => new Message(bytes));
  }
  one(field: number): Message {
    return this.all(field)[0] ?? new Message(Buffer.alloc(0));
  }
}

const attributes = (owner: Message, field: number): Record<string, unknown> =>
  Object.fromEntries(
    owner.all(field).map((pair) => {
      const value = pair.one(2);
      if (value.has(1)) return [pair.text(1), value.text(1)];
      if (value.has(2)) return [pair.text(1), value.number(2) === 1];
      return [pair.text(1), value.has(4) ? value.double(4) : value.number(3)];
    }),
  );

export interface ReceivedMetric {
  readonly name: string;
  readonly unit: string;
  readonly kind: "gauge" | "sum" | "histogram";
  readonly monotonic: boolean;
  readonly cumulative: boolean;
  readonly points: ReadonlyArray<{
    readonly attributes: Record<string, unknown>;
    /** Nanoseconds since the epoch. */
    readonly startedAt: number;
    readonly value: number;
    readonly count: number;
    readonly bounds: ReadonlyArray<number>;
    readonly counts: ReadonlyArray<number>;
  }>;
}

export interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly kind: "internal" | "server" | "client" | "other";
  readonly status: "unset" | "ok" | "error";
  readonly durationMs: number;
  readonly attributes: Record<string, unknown>;
  /** The instrumentation scope, such as `firelight`. */
  readonly scope: string;
  readonly resource: Record<string, unknown>;
}

export interface Received {
  readonly paths: Array<string>;
  readonly headers: Array<IncomingHttpHeaders>;
  /** The decompressed bodies. JSON bodies are kept only here; the other fields are read from protobuf. */
  readonly bodies: Array<Buffer>;
  readonly resources: Array<Record<string, unknown>>;
  readonly spans: Array<ReceivedSpan>;
  readonly logs: Array<{
    body: string;
    severity: string;
    event: string;
    traceId: string;
    flags: number;
    attributes: Record<string, unknown>;
  }>;
  /** The latest push. */
  metrics: Array<ReceivedMetric>;
  readonly pushes: Array<ReadonlyArray<ReceivedMetric>>;
}

const cumulativeTemporality = 2;

const readMetric = (metric: Message): ReceivedMetric => {
  const kind = metric.has(9) ? "histogram" : metric.has(7) ? "sum" : "gauge";
  const data = metric.one({ gauge: 5, sum: 7, histogram: 9 }[kind]);
  return {
    name: metric.text(1),
    unit: metric.text(3),
    kind,
    monotonic: kind === "sum" && data.number(3) === 1,
    cumulative: data.number(2) === cumulativeTemporality,
    points: data.all(1).map((point) => ({
      attributes: attributes(point, kind === "histogram" ? 9 : 7),
      startedAt: point.fixed(2),
      value: kind === "histogram" ? point.double(5) : point.double(4),
      count: kind === "histogram" ? point.fixed(4) : 0,
      counts: kind === "histogram" ? point.packed(6, (buffer, at) => Number(buffer.readBigUInt64LE(at))) : [],
      bounds: kind === "histogram" ? point.packed(7, (buffer, at) => buffer.readDoubleLE(at)) : [],
    })),
  };
};

const readSpan = (span: Message): Omit<ReceivedSpan, "scope" | "resource"> => ({
  name: span.text(5),
  traceId: span.hex(1),
  spanId: span.hex(2),
  parentSpanId: span.hex(4),
  kind: ([undefined, "internal", "server", "client"] as const)[span.number(6)] ?? "other",
  status: (["unset", "ok", "error"] as const)[span.one(15).number(3)] ?? "unset",
  durationMs: (span.fixed(8) - span.fixed(7)) / 1e6,
  attributes: attributes(span, 9),
});

const read = (received: Received, path: string, body: Buffer): void => {
  for (const group of new Message(body).all(1)) {
    const resource = attributes(group.one(1), 1);
    received.resources.push(resource);
    const items = group.all(2).flatMap((scope) => scope.all(2));
    if (path.endsWith("/v1/traces")) {
      for (const scoped of group.all(2)) {
        const scope = scoped.one(1).text(1);
        received.spans.push(...scoped.all(2).map((span) => ({ ...readSpan(span), scope, resource })));
      }
    } else if (path.endsWith("/v1/logs")) {
      received.logs.push(
        ...items.map((log) => ({
          body: log.one(5).text(1),
          severity: log.text(3),
          event: log.text(12),
          traceId: log.hex(9),
          flags: log.bytes(8)?.readUInt32LE() ?? 0,
          attributes: attributes(log, 6),
        })),
      );
    } else {
      received.metrics = items.map(readMetric);
      received.pushes.push(received.metrics);
    }
  }
};

/** Listens until it is disposed of, by default on a free port. */
export const startReceiver = async (port = 0): Promise<Received & AsyncDisposable & { readonly url: string }> => {
  const received: Received = {
    paths: [],
    headers: [],
    bodies: [],
    resources: [],
    spans: [],
    logs: [],
    metrics: [],
    pushes: [],
  };
  const server = createServer((request, response) => {
    const chunks: Array<Buffer> = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      received.paths.push(request.url ?? "");
      received.headers.push(request.headers);
      const sent = Buffer.concat(chunks);
      const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(sent) : sent;
      received.bodies.push(body);
      if (request.headers["content-type"] !== "application/json") read(received, request.url ?? "", body);
      response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return Object.assign(received, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
};
