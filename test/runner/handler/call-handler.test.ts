import { describe, expect, onTestFinished, test } from "vitest";
import { ConfigError, FlameMethodError, InvokeError } from "../../../src/contract/errors.ts";
import { currentInvocation, type InvocationContext } from "../../../src/contract/api/invocation.ts";
import { codec, errorOf, fact, send, sign, startRunner, type TestRunner, verifiedHead } from "../runner-client.ts";

/** Collects unhandled rejections for the duration of the test. */
const watchRejections = (): Array<unknown> => {
  const seen: Array<unknown> = [];
  const onRejection = (reason: unknown): void => void seen.push(reason);
  process.on("unhandledRejection", onRejection);
  onTestFinished(() => void process.off("unhandledRejection", onRejection));
  return seen;
};

const serverEnded = (runner: TestRunner) =>
  runner.events.flatMap((event) => (event._tag === "ServerEnded" ? [event] : []));

const aborted = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve(signal.reason), { once: true }));

describe("a handler", () => {
  test("receives its arguments and the invocation context", async () => {
    let seen: InvocationContext | undefined;
    let current: InvocationContext | undefined;
    const runner = await startRunner({
      handlers: {
        add: async (context, a: number, b: number) => {
          seen = context;
          await Promise.resolve();
          current = currentInvocation.getStore();
          return a + b;
        },
      },
    });
    const before = Date.now();
    const reply = await send(
      runner,
      sign("test/add", [2, 3], { invocationId: "inv-9", attempt: 3, idempotencyKey: "once", timeoutMs: 4_000 }),
    );
    expect(codec.decode(reply.body, "result")).toBe(5);
    expect(seen).toMatchObject({ invocationId: "inv-9", method: "test/add", attempt: 3, idempotencyKey: "once" });
    expect(seen?.signal.aborted).toBe(false);
    expect(seen?.deadline).toBeGreaterThan(before + 3_000);
    expect(seen?.deadline).toBeLessThanOrEqual(Date.now() + 4_000);
    expect(current).toBe(seen);
    expect(currentInvocation.getStore()).toBeUndefined();
  });

  test("has a logger that adds the invocation's attributes to each record", async () => {
    const runner = await startRunner({ handlers: { talk: (context) => context.logger.info("hello", { answer: 42 }) } });
    await send(runner, sign("test/talk", [], { invocationId: "inv-9", attempt: 2 }));
    expect(runner.logs).toContainEqual({
      level: "info",
      message: "hello",
      meta: { "rpc.method": "test/talk", "flame.invocation.id": "inv-9", "flame.attempt.number": 2, answer: 42 },
    });
  });

  test("has its queue and handler times in the response", async () => {
    const runner = await startRunner({ handlers: { wait: () => new Promise((resolve) => setTimeout(resolve, 40)) } });
    const { timings } = verifiedHead(await send(runner, sign("test/wait", [])));
    expect(timings.handlerMs).toBeGreaterThanOrEqual(39);
    expect(timings.queueMs).toBeGreaterThan(0);
    expect(timings.sentMs - timings.receivedMs).toBeGreaterThanOrEqual(timings.queueMs + timings.handlerMs - 0.01);
    expect(Math.abs(timings.sentMs - Date.now())).toBeLessThan(2_000);
    expect(serverEnded(runner)).toMatchObject([{ method: "test/wait", pool: "default", attempt: 1, error: undefined }]);
  });
});

describe("a deadline", () => {
  test("ends the invocation even if the handler ignores it, and a late failure is logged and dropped", async () => {
    const rejections = watchRejections();
    const late = Promise.withResolvers<never>();
    const reason = fact<unknown>();
    const runner = await startRunner({
      handlers: {
        stubborn: (context) => {
          void aborted(context.signal).then(reason.settle);
          return late.promise;
        },
      },
    });
    const reply = await send(runner, sign("test/stubborn", [], { timeoutMs: 60 }));
    expect(reply.status).toBe(504);
    expect(verifiedHead(reply).timings.handlerMs).toBeGreaterThan(40);
    expect(errorOf(reply)).toMatchObject({
      code: "timeout",
      phase: "handler",
      executed: "yes",
      message: expect.stringContaining("60 ms"),
    });
    expect(await reason.promise).toMatchObject({ code: "timeout" });

    late.reject(new Error("too late"));
    await expect
      .poll(() => runner.logs.filter((log) => log.message.includes("dropped")))
      .toMatchObject([{ level: "warn", meta: { "exception.type": "Error", "exception.message": "too late" } }]);
    expect(rejections).toEqual([]);
    expect(serverEnded(runner)).toMatchObject([{ error: { code: "timeout", executed: "yes" } }]);
  });

  test("aborts a signal that the handler first asks for afterwards", async () => {
    const seen = fact<AbortSignal>();
    const ended = fact();
    const runner = await startRunner({
      handlers: {
        late: async (context) => {
          await ended.promise;
          seen.settle(context.signal);
        },
      },
    });
    expect((await send(runner, sign("test/late", [], { timeoutMs: 60 }))).status).toBe(504);
    ended.settle();
    const signal = await seen.promise;
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toMatchObject({ code: "timeout", executed: "yes" });
  });

  test("that has passed on arrival prevents the handler from running", async () => {
    let ran = false;
    const runner = await startRunner({ handlers: { run: () => void (ran = true) } });
    const reply = await send(runner, sign("test/run", [], { timeoutMs: 0 }));
    expect(errorOf(reply)).toMatchObject({ code: "timeout", executed: "no", phase: "runner_queue" });
    expect(verifiedHead(reply).timings.handlerMs).toBe(0);
    expect(ran).toBe(false);
  });

  test("beyond the maximum timer delay does not expire immediately", async () => {
    const runner = await startRunner({
      handlers: { wait: () => new Promise((resolve) => setTimeout(resolve, 20, "done")) },
    });
    expect((await send(runner, sign("test/wait", [], { timeoutMs: 2 ** 40 }))).status).toBe(200);
  });
});

describe("a caller that disconnects", () => {
  test("aborts the handler's signal, and the invocation is recorded once, as canceled", async () => {
    const rejections = watchRejections();
    const started = fact();
    const reason = fact<unknown>();
    const runner = await startRunner({
      handlers: {
        wait: async (context) => {
          started.settle();
          reason.settle(await aborted(context.signal));
          throw new Error("stopped because of the signal");
        },
      },
    });
    const caller = new AbortController();
    const sent = send(runner, sign("test/wait", []), { signal: caller.signal });
    await started.promise;
    caller.abort();
    await expect(sent).rejects.toThrow();
    expect(await reason.promise).toMatchObject({ code: "canceled" });
    await expect
      .poll(() => serverEnded(runner))
      .toMatchObject([{ method: "test/wait", error: { code: "canceled", executed: "yes" } }]);
    expect((await fetch(`${runner.server.url}/health`)).status).toBe(200);
    expect(serverEnded(runner)).toHaveLength(1);
    expect(rejections).toEqual([]);
  });
});

describe("a handler's failure", () => {
  const secretive = (): never => {
    throw new TypeError("password is hunter2");
  };

  test("does not send its message and stack to the caller", async () => {
    const runner = await startRunner({ handlers: { fail: secretive } });
    const reply = await send(runner, sign("test/fail", []));
    expect(reply.status).toBe(500);
    expect(errorOf(reply)).toMatchObject({ code: "remote_error", executed: "yes", phase: "handler", retryable: true });
    expect(errorOf(reply).message).toContain(`test/fail failed on runner ${runner.server.runnerId} (invocation inv-1)`);
    expect(reply.text).not.toMatch(/hunter2|TypeError|call-handler\.test/);
    expect(serverEnded(runner)).toMatchObject([{ thrown: { message: "password is hunter2" } }]);
  });

  test("is sent with its message and stack when exposeErrors is true", async () => {
    const runner = await startRunner({
      handlers: { fail: secretive },
      config: { exposeErrors: true, security: { secret: "a secret for tests" } },
    });
    const { remote } = errorOf(await send(runner, sign("test/fail", [])));
    expect(remote).toMatchObject({
      name: "TypeError",
      message: "password is hunter2",
      stack: expect.stringContaining("call-handler.test"),
    });
  });

  test("is sent with its code, message and details when it is a FlameMethodError", async () => {
    const decline = (): never => {
      throw new FlameMethodError("card_declined", "The card was declined.", { details: { reason: "expired" } });
    };
    const runner = await startRunner({ handlers: { decline } });
    expect(errorOf(await send(runner, sign("test/decline", [])))).toMatchObject({
      code: "remote_error",
      retryable: false,
      remote: { code: "card_declined", message: "The card was declined.", details: { reason: "expired" } },
    });
  });

  test.each([
    ["a failed nested call", new InvokeError("timeout", "inner words", { executed: "no" }), true],
    ["a nested configuration error", new ConfigError("inner words"), false],
  ])("that is %s is reported as remote_error without its message", async (_name, inner, retryable) => {
    const runner = await startRunner({ handlers: { outer: () => Promise.reject(inner) } });
    const reply = await send(runner, sign("test/outer", []));
    expect(errorOf(reply)).toMatchObject({ code: "remote_error", executed: "yes", retryable });
    expect(reply.text).not.toContain("inner words");
  });

  test("that is a nested timeout near its own deadline is reported as its timeout", async () => {
    const inner = new InvokeError("timeout", "inner words");
    const outer = (): Promise<never> => new Promise((_, reject) => setTimeout(() => reject(inner), 290));
    const runner = await startRunner({ handlers: { outer } });
    const reply = await send(runner, sign("test/outer", [], { timeoutMs: 300 }));
    expect(errorOf(reply)).toMatchObject({ code: "timeout", executed: "yes", phase: "handler" });
    expect(reply.text).not.toContain("inner words");
  });

  test.each([[undefined], [null], ["text"], [{ status: 1 }]])("may be the thrown value %j", async (thrown: unknown) => {
    const fail = (): never => {
      throw thrown;
    };
    const runner = await startRunner({ handlers: { fail } });
    expect(errorOf(await send(runner, sign("test/fail", [])))).toMatchObject({ code: "remote_error", executed: "yes" });
  });
});

describe("a result", () => {
  test("that cannot be encoded is a serialization_error of an executed handler", async () => {
    const runner = await startRunner({ handlers: { leak: () => (): void => {} } });
    expect(errorOf(await send(runner, sign("test/leak", [])))).toMatchObject({
      code: "serialization_error",
      executed: "yes",
      retryable: false,
    });
  });

  test("larger than maxBodyBytes is a payload_too_large error with its size and the limit", async () => {
    const runner = await startRunner({
      handlers: { large: () => "x".repeat(5_000) },
      options: { maxBodyBytes: 1_000 },
    });
    const reply = await send(runner, sign("test/large", []));
    expect(verifiedHead(reply).outcome).toBe("error");
    expect(errorOf(reply)).toMatchObject({
      code: "payload_too_large",
      executed: "yes",
      retryable: false,
      message: expect.stringMatching(/5011 bytes; maxBodyBytes allows 1000/),
    });
  });
});
