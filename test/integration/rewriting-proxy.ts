/** An HTTP proxy that treats the headers of trace context as meshes and gateways do, and counts what passes. */
import { createServer, request as forward } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

const names = ["traceparent", "tracestate", "baggage"];
const others: Readonly<Record<string, string>> = {
  traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`,
  tracestate: "mesh=1",
  baggage: "tenant=someone-else,userId=mesh",
};

const isTraceContext = (name: string): boolean => names.includes(name.toLowerCase());

type Headers = ReadonlyArray<string>;

const strip = (headers: Headers): Headers => headers.filter((_part, at) => !isTraceContext(headers[at - (at % 2)]!));
const add = (headers: Headers, valueOf: (name: string) => string): Headers => [
  ...headers,
  ...names.flatMap((name) => [name, valueOf(name)]),
];
const anothers = (name: string): string => others[name]!;

/** What becomes of `traceparent`, `tracestate` and `baggage` on the way. Takes and gives names and values in turn. */
export const rewrites = {
  "pass on": (headers: Headers) => headers,
  strip,
  replace: (headers: Headers) => add(strip(headers), anothers),
  duplicate: (headers: Headers) => add(headers, anothers),
  garble: (headers: Headers) => add(strip(headers), () => `\u00e9 ;;=,,${"x".repeat(1_500)}`),
};

export interface RewritingProxy {
  readonly url: string;
  /** Requests for this method that have passed. */
  passed(method: string): number;
}

/** Hands on to the server at `to`; ends with the test. */
export const startRewritingProxy = async (to: string, rewrite: keyof typeof rewrites): Promise<RewritingProxy> => {
  const methods: Array<string> = [];
  const { hostname, port } = new URL(to);
  const server = createServer((request, response) => {
    const method = String(request.headers["x-flame-request"] ?? request.url).split(" ")[1];
    if (method !== undefined) methods.push(method);
    const headers = rewrites[rewrite](request.rawHeaders);
    const onward = forward({ hostname, port, path: request.url, method: request.method, headers: [...headers] });
    onward.on("response", (answer) => {
      response.writeHead(answer.statusCode!, answer.rawHeaders);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    passed: (wanted) => methods.filter((method) => method === wanted).length,
  };
};
