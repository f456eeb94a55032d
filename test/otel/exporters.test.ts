import { tracing } from "@opentelemetry/sdk-node";
import { afterEach, expect, test, vi } from "vitest";
import { type OtlpTarget, traceExporters } from "../../src/otel/exporters.ts";
import { startReceiver } from "./otlp-receiver.ts";

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

/** Exports one span and returns what the receiver got. */
const received = async (
  target: OtlpTarget,
): Promise<{ readonly path: string; readonly type: string; readonly body: string }> => {
  await using receiver = await startReceiver();
  const endpoint = `${receiver.url}/`;
  const provider = new tracing.BasicTracerProvider({
    spanProcessors: [new tracing.SimpleSpanProcessor(traceExporters({ endpoint, ...target })(5_000))],
  });
  provider.getTracer("test").startSpan("work").end();
  await provider.shutdown();
  const { paths, headers, bodies } = receiver;
  return { path: paths[0] ?? "", type: headers[0]?.["content-type"] ?? "", body: String(bodies[0]) };
};

test("traceExporters sends protobuf by default", async () => {
  expect(await received({})).toMatchObject({ path: "/v1/traces", type: "application/x-protobuf" });
});

test("http/json sends OTLP JSON, with hex ids and times as strings", async () => {
  const { type, body } = await received({ protocol: "http/json" });
  expect(type).toBe("application/json");
  expect(JSON.parse(body).resourceSpans[0].scopeSpans[0].spans).toEqual([
    expect.objectContaining({
      name: "work",
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
      startTimeUnixNano: expect.stringMatching(/^\d+$/),
    }),
  ]);
});

test("the protocol option overrides the signal's variable, which overrides the general one", async () => {
  vi.stubEnv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json");
  expect(await received({})).toMatchObject({ type: "application/json" });
  vi.stubEnv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf");
  expect(await received({})).toMatchObject({ type: "application/x-protobuf" });
  expect(await received({ protocol: "http/json" })).toMatchObject({ type: "application/json" });
});

test("an unsupported protocol, grpc, is logged, and protobuf is sent", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  vi.stubEnv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
  expect(await received({})).toMatchObject({ type: "application/x-protobuf" });
  expect(warn).toHaveBeenCalledWith(expect.stringMatching(/OTEL_EXPORTER_OTLP_PROTOCOL is "grpc".*4318/));
});
