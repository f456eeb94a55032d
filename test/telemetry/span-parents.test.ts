import { ROOT_CONTEXT, SpanKind, SpanStatusCode, context, propagation, trace } from "@opentelemetry/api";
import { core, tracing } from "@opentelemetry/sdk-node";
import { Context, Effect, Exit, Fiber, Tracer } from "effect";
import { afterEach, describe, expect, test } from "vitest";
import { InvokeError } from "../../src/contract/errors.ts";
import type { TraceCarrier } from "../../src/contract/wire/envelope.ts";
import { currentInvocation, type InvocationContext } from "../../src/contract/api/invocation.ts";
import { makeOtelTracer } from "../../src/telemetry/opentelemetry.ts";
import type { StageSpan } from "../../src/telemetry/telemetry.ts";
import { callStage, forget, record, runCall, tracer } from "./recorded-spans.ts";

afterEach(forget);

const attempt = <A>(run: (span: StageSpan) => Effect.Effect<A>, host = tracer.capture()) =>
  tracer.stage({ _tag: "attempt", facts: {}, host }, run);
const carrierOf = (span: StageSpan) => Effect.succeed(span.carrier);
/** Runs the stages of a runner for a carrier: server and handler, with the handler's span active. */
const serve = (carrier: TraceCarrier, handler: () => unknown): Promise<unknown> =>
  Effect.runPromise(
    tracer.stage({ _tag: "server", method: "billing/charge", facts: {}, carrier }, () =>
      tracer.stage({ _tag: "handler", facts: {}, carrier }, (span) =>
        Effect.promise(async () => {
          const invocation = { trace: span.carrier } as InvocationContext;
          return span.activate(() => currentInvocation.run(invocation, handler));
        }),
      ),
    ),
  );
const sampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

describe("the parent of a call", () => {
  test("is the host's active span, not marked as remote", async () => {
    const recorder = record();
    await trace.getTracer("host").startActiveSpan("host", async (span) => {
      await runCall(() => Effect.void);
      span.end();
    });
    const host = recorder.span("host").spanContext();
    const call = recorder.span("billing/charge");
    expect(call.kind).toBe(SpanKind.CLIENT);
    expect(call.parentSpanContext).toMatchObject({ traceId: host.traceId, spanId: host.spanId });
    expect(call.parentSpanContext?.isRemote ?? false).toBe(false);
  });

  test("is undefined if no span is active", async () => {
    const recorder = record();
    await runCall(() => Effect.void);
    expect(recorder.span("billing/charge").parentSpanContext).toBeUndefined();
  });

  test("is the captured span, not the one that is active where the fiber runs", async () => {
    const recorder = record();
    const host = tracer.capture();
    await trace.getTracer("other").startActiveSpan("other", async (span) => {
      await Effect.runPromise(tracer.stage(callStage(host), () => Effect.void));
      span.end();
    });
    expect(recorder.span("billing/charge").parentSpanContext).toBeUndefined();
  });

  test("is the surrounding Effect span rather than the host's span", async () => {
    const recorder = record();
    const parent = Tracer.externalSpan({ traceId: "1".repeat(32), spanId: "2".repeat(16) });
    await trace.getTracer("host").startActiveSpan("host", async (span) => {
      await Effect.runPromise(
        Effect.withParentSpan(
          tracer.stage(callStage(), () => Effect.void),
          parent,
        ),
      );
      span.end();
    });
    expect(recorder.span("billing/charge").parentSpanContext).toMatchObject({
      traceId: parent.traceId,
      spanId: parent.spanId,
    });
  });

  test("is not an Effect span that is not recorded", async () => {
    const recorder = record();
    await Effect.runPromise(
      Effect.withSpan(
        tracer.stage(callStage(), () => Effect.void),
        "in memory",
      ),
    );
    expect(recorder.span("billing/charge").parentSpanContext).toBeUndefined();
  });

  test.each([true, false])("in a handler is the handler's span (context manager: %s)", async (contextManager) => {
    const recorder = record({ contextManager });
    await serve({ traceparent: sampled }, () =>
      Effect.runPromise(tracer.stage(callStage(undefined, {}, "mail/send"), () => Effect.void)),
    );
    const handler = recorder.span("flame.handler").spanContext();
    expect(recorder.span("mail/send").spanContext().traceId).toBe(sampled.slice(3, 35));
    expect(recorder.span("mail/send").parentSpanContext).toMatchObject({
      spanId: handler.spanId,
      traceId: handler.traceId,
    });
  });
});

describe("a stage", () => {
  test("has the call as parent if it is acquire, attempt or backoff", async () => {
    const recorder = record();
    await runCall(() =>
      Effect.gen(function* () {
        yield* tracer.stage({ _tag: "acquire", facts: {} }, () => Effect.void);
        yield* attempt(() => Effect.void);
        yield* tracer.stage({ _tag: "backoff", facts: {} }, () => Effect.void);
      }),
    );
    const { spanId } = recorder.span("billing/charge").spanContext();
    const parents = ["flame.pool.acquire", "flame.attempt", "flame.retry.backoff"].map(
      (name) => recorder.span(name).parentSpanContext?.spanId,
    );
    expect(parents).toEqual([spanId, spanId, spanId]);
  });

  test("has no parent if it is a boot, which links to the call that caused it", async () => {
    const recorder = record();
    await runCall((call) =>
      tracer.stage({ _tag: "boot", facts: {}, links: [call.ids!] }, (boot) =>
        Effect.sync(() => boot.setBootPhases({ ready: 12.5, spawn: 3 })),
      ),
    );
    const boot = recorder.span("flame.runner.boot");
    const call = recorder.span("billing/charge").spanContext();
    expect(boot.parentSpanContext).toBeUndefined();
    expect(boot.spanContext().traceId).not.toBe(call.traceId);
    expect(boot.links.map((link) => link.context)).toMatchObject([{ traceId: call.traceId, spanId: call.spanId }]);
    expect(boot.attributes).toMatchObject({ "flame.boot.phase_ms.ready": 12.5, "flame.boot.phase_ms.spawn": 3 });
  });

  test("has the attempt as parent if it is a server, and the server if it is a handler", async () => {
    const recorder = record();
    const carrier = await runCall(() => attempt(carrierOf));
    await serve(carrier, () => {});
    const server = recorder.exporter.getFinishedSpans().find((span) => span.kind === SpanKind.SERVER)!;
    expect(server.parentSpanContext).toMatchObject({
      spanId: recorder.span("flame.attempt").spanContext().spanId,
      isRemote: true,
    });
    expect(recorder.span("flame.handler").parentSpanContext?.spanId).toBe(server.spanContext().spanId);
  });

  test.each([
    {},
    { traceparent: "00-00000000000000000000000000000000-b7ad6b7169203331-01" },
    { traceparent: "nonsense" },
  ])("has no parent if it is a server with the carrier %o, even if a span is active", async (carrier) => {
    const recorder = record();
    await trace.getTracer("host").startActiveSpan("host", async (span) => {
      await serve(carrier, () => {});
      span.end();
    });
    expect(recorder.span("billing/charge").parentSpanContext).toBeUndefined();
  });

  test("records no span under a remote parent that is not sampled, and passes the unsampled flag on", async () => {
    const recorder = record();
    const downstream: Array<string | undefined> = [];
    await serve({ traceparent: sampled.replace(/01$/, "00") }, async () => {
      downstream.push((await runCall(() => attempt(carrierOf))).traceparent);
    });
    expect(recorder.names()).toEqual([]);
    expect(downstream).toEqual([expect.stringMatching(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-00$/)]);
  });

  test("passes its attributes to samplers", async () => {
    const seen: Array<unknown> = [];
    record({
      sampler: {
        shouldSample: (_context, _traceId, name, _kind, attributes) => {
          seen.push({ name, ...attributes });
          return { decision: tracing.SamplingDecision.RECORD_AND_SAMPLED };
        },
        toString: () => "spy",
      },
    });
    await runCall(() => Effect.void, { pool: "gpu", invocationId: undefined });
    expect(seen).toEqual([
      { name: "billing/charge", "rpc.system.name": "flame", "rpc.method": "billing/charge", "flame.pool.name": "gpu" },
    ]);
  });
});

describe("a stage without a fiber", () => {
  test("is in the stage that it was begun in, and its attributes are set at its end", () => {
    const recorder = record();
    const server = tracer.begin({
      _tag: "server",
      method: "billing/charge",
      facts: {},
      carrier: { traceparent: sampled },
    });
    const handler = tracer.begin({ _tag: "handler", facts: { requestBytes: 2 }, carrier: {} }, undefined, server);
    expect(handler.activate((one: number) => [one, trace.getActiveSpan()?.spanContext().spanId], 1)).toEqual([
      1,
      handler.ids?.spanId,
    ]);
    handler.setAttributes({ responseBytes: 3 });
    handler.end(Exit.void);
    server.end(Exit.fail(new InvokeError("overloaded", "full")));
    const recorded = recorder.span("flame.handler");
    expect(recorded.parentSpanContext?.spanId).toBe(server.ids?.spanId);
    expect(recorded.attributes).toMatchObject({ "flame.request.body.size": 2, "flame.response.body.size": 3 });
    expect(recorder.span("billing/charge").parentSpanContext).toMatchObject({
      spanId: sampled.slice(36, 52),
      isRemote: true,
    });
    expect(recorder.span("billing/charge").attributes).toMatchObject({ "rpc.status_code": "RESOURCE_EXHAUSTED" });
  });

  test("is the parent of Effect's spans in a fiber within it", async () => {
    const recorder = record();
    const handler = tracer.begin({ _tag: "handler", facts: {}, carrier: { traceparent: sampled } });
    const inside = Effect.runForkWith(handler.within(Context.empty()))(
      Effect.withSpan(Effect.currentParentSpan, "query"),
    );
    expect((await Effect.runPromise(Fiber.join(inside))).traceId).toBe(handler.ids?.traceId);
    handler.end(Exit.void);
    expect(recorder.span("query").parentSpanContext?.spanId).toBe(handler.ids?.spanId);
    expect(recorder.span("flame.handler").status.code).toBe(SpanStatusCode.UNSET);
  });
});

describe("the context of a stage", () => {
  test("is the caller's for the call and its nested stages, independent of where the fiber runs", async () => {
    const tenants: Array<readonly [string, string | undefined]> = [];
    record({
      sampler: {
        shouldSample: (parent, _traceId, name) => {
          tenants.push([name, propagation.getBaggage(parent)?.getEntry("tenant")?.value]);
          return { decision: tracing.SamplingDecision.RECORD_AND_SAMPLED };
        },
        toString: () => "spy",
      },
    });
    const withTenant = (value: string) =>
      propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage({ tenant: { value } }));
    const host = context.with(withTenant("caller"), () => tracer.capture());
    const stages = tracer.stage(callStage(host), () =>
      Effect.andThen(
        tracer.stage({ _tag: "acquire", facts: {} }, () => Effect.void),
        attempt(() => Effect.void, host),
      ),
    );
    await context.with(withTenant("other"), () => Effect.runPromise(stages));
    expect(tenants).toEqual([
      ["billing/charge", "caller"],
      ["flame.pool.acquire", "caller"],
      ["flame.attempt", "caller"],
    ]);
  });
});

describe("inside a handler", () => {
  test("only its span and the incoming baggage are active", async () => {
    const recorder = record();
    const seen: Array<unknown> = [];
    const host = propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage({ secret: { value: "x" } }));
    await context.with(host, () =>
      serve({ traceparent: sampled, baggage: "tenant=acme%20inc" }, () => {
        seen.push(trace.getActiveSpan()?.spanContext().spanId, propagation.getActiveBaggage()?.getAllEntries());
      }),
    );
    expect(seen).toEqual([recorder.span("flame.handler").spanContext().spanId, [["tenant", { value: "acme inc" }]]]);
  });

  test("Effect spans are exported as children of the handler's span", async () => {
    const recorder = record();
    await Effect.runPromise(
      tracer.stage({ _tag: "handler", facts: {}, carrier: { traceparent: sampled } }, () =>
        Effect.withSpan(Effect.void, "query"),
      ),
    );
    expect(recorder.span("query").parentSpanContext?.spanId).toBe(recorder.span("flame.handler").spanContext().spanId);
  });
});

describe("a carrier", () => {
  test("keeps the tracestate and only the allowed baggage of the host", async () => {
    record();
    const host = propagation.setBaggage(
      trace.setSpanContext(ROOT_CONTEXT, {
        traceId: "0af7651916cd43dd8448eb211c80319c",
        spanId: "b7ad6b7169203331",
        traceFlags: 1,
        traceState: new core.TraceState("vendor=a,other=b"),
      }),
      propagation.createBaggage({ tenant: { value: "ä, b" }, session: { value: "private" } }),
    );
    const carrier = await context.with(host, () => runCall(() => attempt(carrierOf)));
    expect(carrier).toEqual({
      traceparent: expect.stringMatching(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/),
      tracestate: "vendor=a,other=b",
      baggage: "tenant=%C3%A4%2C%20b",
    });
  });

  test("passes the incoming tracestate and all incoming baggage to a handler", async () => {
    record();
    const incoming = { traceparent: sampled, tracestate: "vendor=a", baggage: "tenant=acme,region=eu" };
    const carrier = await Effect.runPromise(tracer.stage({ _tag: "handler", facts: {}, carrier: incoming }, carrierOf));
    expect(carrier).toMatchObject({ tracestate: "vendor=a", baggage: "tenant=acme,region=eu" });
    expect(carrier.traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/);
  });

  test("keeps trace id and baggage from a call over a runner to a nested call", async () => {
    record();
    const carriers: Array<TraceCarrier> = [];
    const host = propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage({ tenant: { value: "acme" } }));
    const first = await context.with(host, () => runCall(() => attempt(carrierOf)));
    await serve(first, async () => {
      carriers.push(await runCall(() => attempt(carrierOf)));
    });
    expect(carriers[0]?.baggage).toBe("tenant=acme");
    expect(carriers[0]?.traceparent?.slice(0, 35)).toBe(first.traceparent?.slice(0, 35));
  });
});

describe("an SDK", () => {
  test("is optional: without one, a stage runs without span, ids or carrier", async () => {
    const seen = await runCall((span) => Effect.succeed([span.ids, span.carrier]));
    expect(seen).toEqual([undefined, {}]);
  });

  test("can be registered later: spans are recorded from then on, but not by a disabled tracer", async () => {
    const off = makeOtelTracer({ baggageKeys: [], enabled: false });
    await runCall(() => Effect.void);
    const recorder = record();
    await runCall(() => Effect.void);
    await Effect.runPromise(off.stage(callStage(), () => Effect.void));
    expect(recorder.names()).toEqual(["billing/charge"]);
  });

  test("can be replaced: spans go to the new one", async () => {
    const before = record();
    await runCall(() => Effect.void);
    forget();
    await runCall(() => Effect.void);
    const after = record();
    await runCall(() => Effect.void);
    expect([before.names(), after.names()]).toEqual([["billing/charge"], ["billing/charge"]]);
  });
});

describe("a user's own Effect tracer", () => {
  const collect = () => {
    const made: Array<Tracer.NativeSpan> = [];
    const own = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options);
        made.push(span);
        return span;
      },
    });
    return { made, own };
  };

  test("receives the spans instead of the SDK, as children of the user's span", async () => {
    const recorder = record();
    const { made, own } = collect();
    const program = tracer.stage(callStage(), (call) =>
      Effect.map(attempt(carrierOf), (carrier) => ({ carrier, ids: call.ids })),
    );
    const { carrier, ids } = await Effect.runPromise(Effect.withTracer(Effect.withSpan(program, "mine"), own));
    const [mine, call, attempted] = made;
    expect(made.map((span) => span.name)).toEqual(["mine", "billing/charge", "flame.attempt"]);
    expect(recorder.names()).toEqual([]);
    expect(call!.parent).toMatchObject({ value: { spanId: mine!.spanId } });
    expect(call!.attributes.get("rpc.status_code")).toBe("OK");
    expect(ids).toEqual({ traceId: mine!.traceId, spanId: call!.spanId, sampled: true });
    expect(carrier.traceparent).toBe(`00-${mine!.traceId}-${attempted!.spanId}-01`);
    expect(call!.status._tag).toBe("Ended");
  });

  test("receives the spans without an SDK", async () => {
    const { made, own } = collect();
    await Effect.runPromise(
      Effect.withTracer(
        tracer.stage(callStage(), () => Effect.void),
        own,
      ),
    );
    expect(made.map((span) => span.name)).toEqual(["billing/charge"]);
  });
});
