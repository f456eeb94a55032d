/**
 * A receiver of OTLP over HTTP, in JSON, on this machine alone. It appends each export
 * as one line to a file, as the file exporter of the OpenTelemetry Collector does,
 * and passes it on to a real collector where there is one.
 */
import { appendFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";

export interface OtlpReceiver extends AsyncDisposable {
  /** What makes an OpenTelemetry SDK send its telemetry here. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where traces are appended. */
  readonly tracesFile: string;
  /** Why exports could not be passed on, as far as that happened. */
  readonly lost: ReadonlyArray<string>;
}

export interface OtlpReceiverOptions {
  /** Gets `traces.jsonl` and `logs.jsonl`. */
  readonly folder: string;
  /** The base URL of a collector that gets everything too. */
  readonly forwardTo?: string | undefined;
}

const forwardTimeoutMs = 5_000;

const ofOneHop = new Set(["connection", "content-length", "host", "keep-alive", "transfer-encoding"]);

const endToEnd = (headers: IncomingHttpHeaders): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !ofOneHop.has(name)) as Array<[string, string]>);

/** Listens on a free port. */
export const startOtlpReceiver = async ({ folder, forwardTo }: OtlpReceiverOptions): Promise<OtlpReceiver> => {
  const lost: Array<string> = [];
  const underWay = new Set<Promise<void>>();
  const files: Readonly<Record<string, string>> = {
    "/v1/traces": join(folder, "traces.jsonl"),
    "/v1/logs": join(folder, "logs.jsonl"),
  };

  const forward = async (path: string, headers: IncomingHttpHeaders, body: string): Promise<void> => {
    try {
      const url = `${forwardTo!.replace(/\/+$/, "")}${path}`;
      const signal = AbortSignal.timeout(forwardTimeoutMs);
      const { ok, status } = await fetch(url, { method: "POST", headers: endToEnd(headers), body, signal });
      if (!ok) lost.push(`${url} answered ${status}`);
    } catch (error) {
      lost.push(String((error as Error).cause ?? error));
    }
  };

  const server = createServer(async (request, response) => {
    const path = request.url ?? "";
    const file = request.method === "POST" ? files[path] : undefined;
    const body = await text(request);
    if (file === undefined) {
      response.writeHead(404).end();
      return;
    }
    if (forwardTo !== undefined) {
      const forwarding = forward(path, request.headers, body).finally(() => underWay.delete(forwarding));
      underWay.add(forwarding);
    }
    await appendFile(file, `${body.trim()}\n`);
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  return {
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_COMPRESSION: "none",
    },
    tracesFile: files["/v1/traces"]!,
    lost,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(underWay);
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
};
