/** Tests which alert `explain` relates to a call. */
import { describe, expect, test } from "vitest";
import { alertNames } from "../../../src/bundle/alert-names.ts";
import { alertOf, runbookOf } from "../../../src/cli/alerts.ts";
import { readTelemetry } from "../../../src/cli/explain/read-telemetry.ts";
import { analyzeCall } from "../../../src/cli/explain/analyze-call.ts";
import { TraceIndex } from "../../../src/cli/explain/trace-index.ts";
import { attributes, spans } from "../../../src/telemetry/catalog.ts";

type SpanFields = { readonly [K in keyof typeof attributes]?: string | number | boolean };

interface Made {
  readonly id: number;
  readonly parent?: number;
  readonly name: string;
  readonly kind: number;
  readonly ms: readonly [from: number, to: number];
  readonly facts?: SpanFields;
}

const traceId = "a".repeat(32);
const idOf = (id: number): string => id.toString(16).padStart(16, "0");
const nanos = (ms: number): string => String((1_790_000_000_000 + ms) * 1e6);

const asValue = (value: string | number | boolean) =>
  typeof value === "string"
    ? { stringValue: value }
    : typeof value === "number"
      ? { doubleValue: value }
      : { boolValue: value };

const client = 3;
const internal = 1;

const storyOf = (...made: ReadonlyArray<Made>) => {
  const data = readTelemetry({
    resourceSpans: [
      {
        resource: {},
        scopeSpans: [
          {
            spans: made.map(({ id, parent, name, kind, ms: [from, to], facts = {} }) => ({
              traceId,
              spanId: idOf(id),
              parentSpanId: parent === undefined ? "" : idOf(parent),
              name,
              kind,
              startTimeUnixNano: nanos(from),
              endTimeUnixNano: nanos(to),
              attributes: Object.entries(facts).map(([key, value]) => ({
                key: attributes[key as keyof SpanFields].name,
                value: asValue(value),
              })),
            })),
          },
        ],
      },
    ],
  });
  const index = new TraceIndex(data);
  return analyzeCall(index, index.choose({}));
};

const call = (facts: SpanFields = {}, ms: Made["ms"] = [0, 1_000]): Made => ({
  id: 1,
  name: "work/do",
  kind: client,
  ms,
  facts: { system: "flame", method: "work/do", invocationId: "i-1", attemptCount: 1, ...facts },
});

const failure = (errorCode: string, errorPhase: string, executed: string, errorType = "UNKNOWN"): SpanFields => ({
  errorCode,
  errorPhase,
  executed,
  errorType,
});

const acquire = (facts: SpanFields, ms: Made["ms"]): Made => ({
  id: 2,
  parent: 1,
  name: spans.acquire.name,
  kind: internal,
  ms,
  facts,
});

const attempt = (facts: SpanFields, id = 3): Made => ({
  id,
  parent: 1,
  name: spans.attempt.name,
  kind: client,
  ms: [10, 900],
  facts: { attempt: id - 2, attemptKind: "first", runnerId: "r-1", ...facts },
});

const server = (parent = 3): Made => ({
  id: parent + 10,
  parent,
  name: "work/do",
  kind: 2,
  ms: [12, 898],
  facts: { system: "flame", runnerId: "r-1" },
});

const rejected = failure("overloaded", "acquire", "no", "RESOURCE_EXHAUSTED");

describe("the first alert", () => {
  test.each([
    ["a healthy call", undefined, [call(), attempt({}), server()]],
    ["a rejected signature", "FlameSignatureRejections", [call(failure("signature_error", "network", "no"))]],
    [
      "a call that timed out before it got a slot",
      "FlameAcquireTimeouts",
      [call(failure("timeout", "acquire", "no", "DEADLINE_EXCEEDED"))],
    ],
    ["a full pool", "FlamePoolSaturated", [call(rejected)]],
    ["a call without a runner", "FlameBootFailing", [call(failure("no_runner", "acquire", "no"))]],
    [
      "a used-up retry budget",
      "FlameRetriesExhausted",
      [call({ ...failure("unavailable", "network", "no"), retryRefused: "budget" })],
    ],
    [
      "a handler that timed out",
      "FlameDeadlineExceeded",
      [call(failure("timeout", "handler", "unknown")), attempt({}), server()],
    ],
    [
      "a failed handler",
      "FlameErrorBudgetBurnFast",
      [call(failure("remote_error", "handler", "yes")), attempt({}), server()],
    ],
    [
      "a canceled call",
      undefined,
      [call({ ...failure("canceled", "handler", "unknown", "CANCELLED"), status: "CANCELLED" })],
    ],
    ["a lost runner", "FlameRunnerCrashLoop", [call(), attempt(failure("transport_error", "network", "unknown"))]],
    ["a long boot", "FlameBootSlow", [call(), acquire({ acquireSource: "cold" }, [0, 600]), attempt({}), server()]],
    [
      "a busy pool",
      "FlamePoolSaturationHigh",
      [call(), acquire({ acquireSource: "queued" }, [0, 600]), attempt({}), server()],
    ],
    [
      "a busy pool with a queue",
      "FlamePoolSaturated",
      [call(), acquire({ acquireSource: "queued", queueDepth: 3 }, [0, 600]), attempt({}), server()],
    ],
    [
      "a wait that is a small share of a long call",
      "FlameAcquireSlow",
      [call({}, [0, 9_000]), acquire({ acquireSource: "queued" }, [0, 1_500]), attempt({}), server()],
    ],
    ["missing spans", "FlameTelemetryLoss", [call(), attempt({ clockOffsetMs: 0.1 })]],
    ["different clocks", "FlameClockSkew", [call(), attempt({ clockOffsetMs: 4_000 }), server()]],
    [
      "a second attempt",
      "FlameRetryStorm",
      [call(), attempt({}), attempt({ attemptKind: "retry" }, 4), server(), server(4)],
    ],
  ] as const)("of %s is %s", (_case, alert, made) => {
    expect(storyOf(...made).alerts[0]?.alert).toBe(alert);
  });

  test("is not FlameTelemetryLoss if the runner rejected the signature and so created no spans", () => {
    const refused = failure("signature_error", "network", "unknown", "UNAUTHENTICATED");
    const { alerts, attempts } = storyOf(call(refused), attempt({ ...refused, clockOffsetMs: 0.1 }));
    expect(alerts.map(({ alert }) => alert)).toEqual(["FlameSignatureRejections", "FlameErrorBudgetBurnFast"]);
    expect(attempts[0]?.missing).toBeUndefined();
  });

  test("links to its section of the runbook", () => {
    expect(runbookOf("FlamePoolSaturated")).toBe("dashboards/runbook.md#flamepoolsaturated");
    expect(alertNames).toEqual(expect.arrayContaining(Object.values(alertOf)));
    expect(new Set(alertNames).size).toBe(18);
  });
});

describe("retrySafety", () => {
  test.each([
    ["unavailable", "no", true, "the handler did not run"],
    ["conflict", "no", true, "the handler did not run, but a retry would fail again"],
    ["transport_error", "unknown", false, "the handler may have run"],
    ["remote_error", "yes", false, "the handler ran"],
  ])("after %s with executed: %s is safe: %s, because %s", (code, executed, safe, why) => {
    expect(storyOf(call(failure(code, "network", executed))).failure?.retrySafety).toEqual({ safe, why });
  });
});

describe("clock correction", () => {
  test("is not applied to an offset of less than half of the round trip", () => {
    const { attempts, timeline } = storyOf(call(), attempt({ clockOffsetMs: 18 }), {
      ...server(),
      ms: [600, 604],
    });
    expect(attempts[0]).toMatchObject({ clockOffsetMs: 18, shownShiftMs: 0 });
    expect(timeline.at(-1)).toMatchObject({ startMs: 600, shiftMs: 0 });
  });
});

describe("the timeline", () => {
  test("is bounded with a span that is its own parent and with thousands of siblings", () => {
    const siblings = Array.from({ length: 3_000 }, (_, index): Made => ({
      id: 100 + index,
      parent: 13,
      name: "query",
      kind: client,
      ms: [20 + index / 10, 21 + index / 10],
    }));
    const loop: Made = { id: 50, parent: 50, name: "loop", kind: internal, ms: [0, 1] };
    const { timeline } = storyOf(call(), attempt({}), server(), loop, ...siblings);
    expect(timeline.length).toBeLessThan(40);
    expect(timeline.at(-1)!.label).toBe("… 2976 more");
  });
});
