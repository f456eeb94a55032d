import { SpanStatusCode } from "@opentelemetry/api";
import { Deferred, Effect, Fiber } from "effect";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { InvokeError } from "../../src/contract/errors.ts";
import type { Stage } from "../../src/telemetry/telemetry.ts";
import { restoreClock, stepClock } from "../harness/step-clock.ts";
import { type Hostile, hostile } from "../integration/fixtures/hostile-values.ts";
import { callStage, forget, record, type Recorder, runCall, tracer } from "./recorded-spans.ts";

let recorder: Recorder;
beforeEach(() => {
  recorder = record();
});
afterEach(forget);

const call = () => recorder.span("billing/charge");
const exitOf = <A, E>(effect: Effect.Effect<A, E>) => Effect.runPromiseExit(effect);
const serverStage: Stage = { _tag: "server", method: "billing/charge", facts: {}, carrier: {} };
const handlerStage: Stage = { _tag: "handler", facts: {}, carrier: {} };

test.each([3_600_000, -3_600_000])(
  "a span has the right duration if the clock jumps by %d ms meanwhile",
  async (ms) => {
    try {
      await runCall(() => Effect.sync(() => stepClock(ms)));
    } finally {
      restoreClock();
    }
    const [seconds, nanos] = call().duration;
    expect(seconds * 1_000 + nanos / 1e6).toBeGreaterThan(0);
    expect(seconds).toBeLessThan(60);
  },
);

describe("the status of a span", () => {
  test("is unset on success, with rpc.status_code OK", async () => {
    await runCall(() => Effect.succeed(1));
    expect(call().status).toEqual({ code: SpanStatusCode.UNSET });
    expect(call().attributes).toMatchObject({
      "rpc.status_code": "OK",
      "rpc.system.name": "flame",
      "rpc.method": "billing/charge",
    });
    expect(call().attributes).not.toHaveProperty("error.type");
  });

  test("is ERROR with the code, phase and executed of a typed failure", async () => {
    const error = new InvokeError("overloaded", "The runner is full.", { phase: "acquire" });
    await exitOf(tracer.stage(callStage(), () => Effect.fail(error)));
    expect(call().status).toEqual({ code: SpanStatusCode.ERROR, message: "The runner is full." });
    expect(call().attributes).toMatchObject({
      "rpc.status_code": "RESOURCE_EXHAUSTED",
      "error.type": "RESOURCE_EXHAUSTED",
      "flame.error.code": "overloaded",
      "flame.error.phase": "acquire",
      "flame.error.executed": "no",
    });
  });

  test("is ERROR with DEADLINE_EXCEEDED on a timeout", async () => {
    await exitOf(tracer.stage(callStage(), () => Effect.fail(new InvokeError("timeout", "Too late."))));
    expect(call().status).toEqual({ code: SpanStatusCode.ERROR, message: "Too late." });
    expect(call().attributes).toMatchObject({
      "rpc.status_code": "DEADLINE_EXCEEDED",
      "error.type": "DEADLINE_EXCEEDED",
    });
  });

  test.each(Object.keys(hostile) as ReadonlyArray<Hostile>)(
    "is ERROR if the stage fails or dies with a hostile value: %s",
    async (what) => {
      await exitOf(tracer.stage(callStage(), () => Effect.fail(hostile[what]())));
      await exitOf(tracer.stage(callStage(), () => Effect.die(hostile[what]())));
      const spans = recorder.exporter.getFinishedSpans();
      expect(spans.map(({ status }) => status.code)).toEqual([SpanStatusCode.ERROR, SpanStatusCode.ERROR]);
    },
  );

  test("is ERROR with INTERNAL on a defect, without an exception event", async () => {
    await exitOf(tracer.stage(callStage(), () => Effect.die(new TypeError("no such thing"))));
    expect(call().status).toEqual({ code: SpanStatusCode.ERROR, message: "no such thing" });
    expect(call().attributes).toMatchObject({ "rpc.status_code": "INTERNAL", "error.type": "INTERNAL" });
    expect(call().events).toEqual([]);
  });

  test("is ERROR with INTERNAL if the stage throws before it returns an effect", async () => {
    const exit = await exitOf(
      tracer.stage(callStage(), () => {
        throw new Error("thrown early");
      }),
    );
    expect(exit._tag).toBe("Failure");
    expect(call().status).toEqual({ code: SpanStatusCode.ERROR, message: "thrown early" });
  });

  test("is ERROR with CANCELLED on an interruption", async () => {
    const started = Deferred.makeUnsafe<void>();
    const fiber = Effect.runFork(
      tracer.stage(callStage(), () => Effect.andThen(Deferred.succeed(started, undefined), Effect.never)),
    );
    await Effect.runPromise(Deferred.await(started));
    await Effect.runPromise(Fiber.interrupt(fiber));
    expect(call().status.code).toBe(SpanStatusCode.ERROR);
    expect(call().attributes).toMatchObject({ "rpc.status_code": "CANCELLED", "error.type": "CANCELLED" });
  });

  test("is ERROR with CANCELLED for the loser of a race, unset for the winner", async () => {
    const winner = tracer.stage({ _tag: "attempt", facts: { attempt: 1 }, host: undefined }, () =>
      Effect.succeed("won"),
    );
    const loser = tracer.stage({ _tag: "attempt", facts: { attempt: 2 }, host: undefined }, () => Effect.never);
    expect(await Effect.runPromise(Effect.race(loser, winner))).toBe("won");
    const byNumber = (number: number) =>
      recorder.exporter.getFinishedSpans().find((span) => span.attributes["flame.attempt.number"] === number)!;
    expect(byNumber(1).status.code).toBe(SpanStatusCode.UNSET);
    expect(byNumber(2).status.code).toBe(SpanStatusCode.ERROR);
    expect(byNumber(2).attributes["error.type"]).toBe("CANCELLED");
  });

  test("is the status that the stage has set if its failure is a value", async () => {
    await runCall((span) => Effect.sync(() => span.setAttributes({ status: "UNAVAILABLE" })));
    expect(call().status.code).toBe(SpanStatusCode.ERROR);
    expect(call().attributes).toMatchObject({ "rpc.status_code": "UNAVAILABLE", "error.type": "UNAVAILABLE" });
  });

  test("of a backoff is unset even if it is interrupted", async () => {
    const backoff = tracer.stage({ _tag: "backoff", facts: { retryDelayMs: 5 } }, () => Effect.never);
    await Effect.runPromise(Effect.race(backoff, Effect.succeed(1)));
    expect(recorder.span("flame.retry.backoff").status.code).toBe(SpanStatusCode.UNSET);
  });

  test("of a handler that throws is ERROR, with secrets redacted from the message", async () => {
    await exitOf(tracer.stage(handlerStage, () => Effect.fail(new Error("login password=hunter2 refused"))));
    const span = recorder.span("flame.handler");
    expect(span.status).toEqual({ code: SpanStatusCode.ERROR, message: "login password=[redacted] refused" });
    expect(span.attributes["error.type"]).toBe("UNKNOWN");
    expect(span.attributes).not.toHaveProperty("rpc.status_code");
    expect(span.events).toEqual([]);
  });

  test.each(["remote_error", "timeout", "invoke_error", "registry_error"] as const)(
    "of a server is ERROR for %s",
    async (code) => {
      await exitOf(tracer.stage(serverStage, () => Effect.fail(new InvokeError(code, "failed"))));
      expect(call().status.code).toBe(SpanStatusCode.ERROR);
    },
  );

  test.each(["canceled", "serialization_error", "overloaded"] as const)(
    "of a server is unset for %s, an error of the client, with error.type set",
    async (code) => {
      const error = new InvokeError(code, "refused");
      await exitOf(tracer.stage(serverStage, () => Effect.fail(error)));
      expect(call().status.code).toBe(SpanStatusCode.UNSET);
      expect(call().attributes).toMatchObject({ "rpc.status_code": error.status, "error.type": error.status });
    },
  );
});
