/** A process that records no spans passes the caller's trace context on. */
import { context, propagation, ROOT_CONTEXT, trace, TraceFlags } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { node } from "@opentelemetry/sdk-node";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { createFlame, defineMethod, type TraceCarrier } from "../../src/index.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";
const traceparent = `00-${traceId}-${spanId}-01`;

/** The caller's active context. */
const callers = propagation.setBaggage(
  trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: TraceFlags.SAMPLED }),
  propagation.createBaggage({ tenant: { value: "acme" }, secret: { value: "x" } }),
);

beforeEach(() => void context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()));

afterEach(() => {
  context.disable();
  trace.disable();
});

interface Told {
  readonly own: TraceCarrier;
  readonly active: string | undefined;
  readonly sentOn: TraceCarrier;
}

const start = (traces: boolean) => {
  const records: Array<Record<string, unknown>> = [];
  const keep = (_message: string, meta: Record<string, unknown> = {}): void => void records.push(meta);
  const flame = createFlame({
    mode: "local",
    telemetry: { traces, baggageKeys: ["tenant"] },
    logger: { info: keep, warn: keep, error: keep },
  });
  onTestFinished(() => flame.shutdown());
  const work = flame.service("work", {
    inner: defineMethod("inner", async (ctx): Promise<TraceCarrier> => ctx.trace),
    outer: defineMethod("outer", async (ctx): Promise<Told> => {
      ctx.logger.info("hello");
      return {
        own: ctx.trace,
        active: trace.getSpanContext(context.active())?.spanId,
        sentOn: await context.with(ROOT_CONTEXT, () => work.inner()),
      };
    }),
    fail: async () => {
      throw new Error("on purpose");
    },
  });
  return { work, records };
};

describe.each([
  ["without an SDK", true],
  ["with traces: false and an SDK", false],
])("%s", (_name, traces) => {
  beforeEach(() => {
    if (!traces) trace.setGlobalTracerProvider(new node.NodeTracerProvider());
  });

  test("a handler has the caller's span context active and passes it on, with allowed baggage", async () => {
    const { work } = start(traces);
    const told = await context.with(callers, () => work.outer());
    expect(told).toEqual({
      own: { traceparent, baggage: "tenant=acme" },
      active: spanId,
      sentOn: { traceparent, baggage: "tenant=acme" },
    });
  });

  test("log records have the ids of the caller's span, on both sides", async () => {
    const { work, records } = start(traces);
    await context.with(callers, () => work.outer());
    await context.with(callers, () => work.fail()).catch(() => {});
    const ids = { trace_id: traceId, span_id: spanId };
    expect(records).toEqual([
      expect.objectContaining(ids),
      expect.objectContaining({ ...ids, "event.name": "rpc.server.call.exception" }),
      expect.objectContaining({ ...ids, "event.name": "rpc.client.call.exception" }),
    ]);
  });

  test("a call outside of a trace starts none", async () => {
    const { work, records } = start(traces);
    expect(await work.outer()).toEqual({ own: {}, active: undefined, sentOn: {} });
    expect(records).toEqual([expect.not.objectContaining({ trace_id: expect.anything() })]);
  });
});
