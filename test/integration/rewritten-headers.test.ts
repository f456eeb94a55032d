/** Meshes and gateways on the way that rewrite trace context: calls, heartbeats and traces stay what they were. */
import { context, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { node, tracing } from "@opentelemetry/sdk-node";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { processBackend } from "../../src/backends/process.ts";
import { HEARTBEAT_METHOD } from "../../src/contract/wire/heartbeat.ts";
import { type Backend, flame } from "../../src/index.ts";
import { waitFor } from "../harness/wait-for.ts";
import { Probe } from "./fixtures/services.ts";
import { type RewritingProxy, rewrites, startRewritingProxy } from "./rewriting-proxy.ts";
import { entryOf } from "./setup.ts";

const orphanTimeoutMs = 600;
const exporter = new tracing.InMemorySpanExporter();

beforeEach(() => {
  exporter.reset();
  trace.setGlobalTracerProvider(
    new node.NodeTracerProvider({ spanProcessors: [new tracing.SimpleSpanProcessor(exporter)] }),
  );
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});

afterEach(() => {
  trace.disable();
  context.disable();
});

/** A parent of one traced runner that is reached through the proxy. */
const startBehind = async (rewrite: keyof typeof rewrites) => {
  const proxies: Array<RewritingProxy> = [];
  const problems: Array<string> = [];
  const processes = processBackend({ entry: entryOf("traced-runner"), logs: "ignore" });
  const backend: Backend = {
    ...processes,
    spawn: async (request) => {
      const handle = await processes.spawn(request);
      const proxy = await startRewritingProxy(handle.url, rewrite);
      proxies.push(proxy);
      return { ...handle, url: proxy.url };
    },
  };
  onTestFinished(() => flame.shutdown());
  const keep = (message: string): void => void problems.push(message);
  await flame.configure({
    mode: "parent",
    logger: { info: () => {}, warn: keep, error: keep },
    telemetry: { baggageKeys: ["tenant"] },
    pools: { default: { backend, min: 1, max: 1, orphanTimeoutMs, healthCheckMs: 100, spawnTimeoutMs: 20_000 } },
  });
  await waitFor(() => flame.pools["default"]!.stats().runners.idle === 1, { what: "the runner" });
  return { proxies, problems };
};

test.each(Object.keys(rewrites) as ReadonlyArray<keyof typeof rewrites>)(
  "with a proxy that would %s trace context, calls are one trace and idle runners live",
  async (rewrite) => {
    const { proxies, problems } = await startBehind(rewrite);
    const until = performance.now() + 3 * orphanTimeoutMs;
    await waitFor(() => performance.now() > until, { what: "three timeouts to pass" });

    const baggage = propagation.createBaggage({ tenant: { value: "acme" } });
    const seen = await context.with(propagation.setBaggage(context.active(), baggage), () => Probe.where());

    const attempt = exporter.getFinishedSpans().find(({ name }) => name === "flame.attempt")!;
    expect(seen).toMatchObject({ traceId: attempt.spanContext().traceId, baggage: "acme" });
    expect(problems).toEqual([]);
    expect(proxies, "one runner, which never ended").toHaveLength(1);
    expect(proxies[0]!.passed("probe/where")).toBe(1);
    expect(proxies[0]!.passed(HEARTBEAT_METHOD)).toBeGreaterThanOrEqual(3);
  },
);
