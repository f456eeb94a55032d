/** Meshes and gateways that rewrite trace context headers: calls, heartbeats and traces are unaffected. */
import { context, propagation } from "@opentelemetry/api";
import type { tracing } from "@opentelemetry/sdk-node";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { processBackend } from "../../src/backends/process.ts";
import { HEARTBEAT_METHOD } from "../../src/contract/wire/heartbeat.ts";
import { type Backend, flame } from "../../src/index.ts";
import { headerOf, recordRequests, rewriteHeaders, startFaultProxy } from "../harness/fault-proxy.ts";
import { waitFor } from "../harness/wait-for.ts";
import { Probe } from "./fixtures/services.ts";
import { recordSpans } from "./record-spans.ts";
import { entryOf } from "./setup.ts";

const orphanTimeoutMs = 600;

type Headers = ReadonlyArray<readonly [name: string, value: string]>;

const names = ["traceparent", "tracestate", "baggage"];
const anotherTrace: Readonly<Record<string, string>> = {
  traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`,
  tracestate: "mesh=1",
  baggage: "tenant=someone-else,userId=mesh",
};

const strip = (headers: Headers): Headers => headers.filter(([name]) => !names.includes(name.toLowerCase()));
const add = (headers: Headers, valueOf: (name: string) => string): Headers => [
  ...headers,
  ...names.map((name) => [name, valueOf(name)] as const),
];

/** What meshes and gateways do to `traceparent`, `tracestate` and `baggage`. */
const rewrites = {
  "pass on": (headers: Headers) => headers,
  strip,
  replace: (headers: Headers) => add(strip(headers), (name) => anotherTrace[name]!),
  duplicate: (headers: Headers) => add(headers, (name) => anotherTrace[name]!),
  garble: (headers: Headers) => add(strip(headers), () => `\u00e9 ;;=,,${"x".repeat(1_500)}`),
};

let exporter: tracing.InMemorySpanExporter;

beforeEach(() => {
  exporter = recordSpans();
});

/** Starts a parent whose one traced runner is behind the proxy. */
const startBehind = async (rewrite: keyof typeof rewrites) => {
  const requests = recordRequests();
  let runners = 0;
  const problems: Array<string> = [];
  const processes = processBackend({ entry: entryOf("traced-runner"), logs: "ignore" });
  const backend: Backend = {
    ...processes,
    spawn: async (request) => {
      const handle = await processes.spawn(request);
      const proxy = await startFaultProxy(
        Number(new URL(handle.url).port),
        requests,
        rewriteHeaders(rewrites[rewrite]),
      );
      runners++;
      return { ...handle, url: proxy.url };
    },
  };
  onTestFinished(() => flame.shutdown());
  const keep = (message: string): void => void problems.push(message);
  await flame.configure({
    mode: "parent",
    logger: { info: () => {}, warn: keep, error: keep },
    telemetry: { baggageKeys: ["tenant"] },
    // A link has no headers to rewrite.
    pools: {
      default: {
        transport: "http",
        backend,
        min: 1,
        max: 1,
        orphanTimeoutMs,
        healthCheckMs: 100,
        spawnTimeoutMs: 20_000,
      },
    },
  });
  await waitFor(() => flame.pools["default"]!.stats().runners.idle === 1, { what: "the runner" });
  const received = (method: string): number =>
    requests.captured.filter((request) => headerOf(request, "x-flame-request")?.split(" ")[1] === method).length;
  return { received, runners: () => runners, problems };
};

test.each(Object.keys(rewrites) as ReadonlyArray<keyof typeof rewrites>)(
  "when a proxy would %s trace context headers, a call is still one trace and an idle runner stays up",
  async (rewrite) => {
    const { received, runners, problems } = await startBehind(rewrite);
    const until = performance.now() + 3 * orphanTimeoutMs;
    await waitFor(() => performance.now() > until, { what: "three orphan timeouts to pass" });

    const baggage = propagation.createBaggage({ tenant: { value: "acme" } });
    const seen = await context.with(propagation.setBaggage(context.active(), baggage), () => Probe.where());

    const attempt = exporter.getFinishedSpans().find(({ name }) => name === "flame.attempt")!;
    expect(seen).toMatchObject({ traceId: attempt.spanContext().traceId, baggage: "acme" });
    expect(problems).toEqual([]);
    expect(runners(), "one runner, never replaced").toBe(1);
    expect(received("probe/where")).toBe(1);
    expect(received(HEARTBEAT_METHOD)).toBeGreaterThanOrEqual(3);
  },
);
