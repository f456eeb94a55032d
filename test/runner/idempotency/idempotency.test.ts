import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { IdempotencyOptions, IdempotencyStore } from "../../../src/contract/config/idempotency.ts";
import { FlameMethodError } from "../../../src/contract/errors.ts";
import type { RunnerServerOptions } from "../../../src/runner/options.ts";
import { makeMemoryStore } from "../../../src/runner/idempotency/memory.ts";
import {
  codec,
  errorOf,
  send,
  sign,
  type StartOptions,
  startRunner,
  type TestRunner,
  verifiedHead,
} from "../runner-client.ts";

type Handlers = NonNullable<StartOptions["handlers"]>;

const memory = () => makeMemoryStore({ maxEntries: 1_000, maxBytes: 1_000_000 });

const start = (handlers: Handlers, idempotency?: IdempotencyOptions | false, options: RunnerServerOptions = {}) =>
  startRunner({ handlers, options: { ...options, ...(idempotency === undefined ? {} : { idempotency }) } });

const keyed = (method: string, args: ReadonlyArray<unknown> = [], change: { key?: string; timeoutMs?: number } = {}) =>
  sign(`test/${method}`, args, { idempotencyKey: change.key ?? "k", timeoutMs: change.timeoutMs ?? 5_000 });

const valueOf = (reply: { body: Uint8Array }): unknown => codec.decode(reply.body, "result");

const decided = (runner: TestRunner): ReadonlyArray<string> =>
  runner.events.flatMap((event) => (event._tag === "IdempotencyDecided" ? [event.outcome] : []));

/** A handler whose runs are counted, and ended by the test. */
const gate = () => {
  const runs: Array<{
    readonly signal: AbortSignal;
    readonly deadline: () => number | null;
    end(value: unknown): void;
    fail(error: unknown): void;
  }> = [];
  const handler: Handlers[string] = (context) => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    runs.push({ signal: context.signal, deadline: () => context.deadline, end: resolve, fail: reject });
    return promise;
  };
  const started = (count: number) => expect.poll(() => runs.length).toBe(count);
  return { runs, handler, started };
};

/** A request that its caller can abort. */
const droppable = (runner: TestRunner, request: ReturnType<typeof sign>) => {
  const caller = new AbortController();
  const dropped = send(runner, request, { signal: caller.signal }).catch(() => "dropped");
  return { drop: () => caller.abort(), dropped };
};

const joinedBy = (runner: TestRunner, count: number) => expect.poll(runner.inFlight).toBe(count);

describe("an idempotency key", () => {
  test("runs the handler once, and repeated calls get the same body in their own signed response", async () => {
    let runs = 0;
    const runner = await start({ add: async (_context, a: number, b: number) => ({ sum: a + b, run: ++runs }) });
    const first = await send(runner, keyed("add", [1, 2]));
    const second = await send(runner, keyed("add", [1, 2]));
    expect(valueOf(first)).toEqual({ sum: 3, run: 1 });
    expect(second.text).toBe(first.text);
    expect(verifiedHead(second)).toMatchObject({ outcome: "ok", timings: { handlerMs: 0 } });
    expect(decided(runner)).toEqual(["executed", "replayed"]);
    expect(runner.events.filter((event) => event._tag === "ServerEnded")).toHaveLength(2);
  });

  test("is scoped to its method", async () => {
    const runner = await start({ one: () => 1, two: () => 2 });
    expect(valueOf(await send(runner, keyed("one")))).toBe(1);
    expect(valueOf(await send(runner, keyed("two")))).toBe(2);
    expect(decided(runner)).toEqual(["executed", "executed"]);
  });

  test("with different arguments is a conflict, during the run and afterwards, and is never logged", async () => {
    const { runs, handler, started } = gate();
    const runner = await start({ pay: handler });
    const first = send(runner, keyed("pay", [1], { key: "secret-key" }));
    await started(1);
    const during = await send(runner, keyed("pay", [2], { key: "secret-key" }));
    runs[0]?.end("paid");
    expect(valueOf(await first)).toBe("paid");
    const after = await send(runner, keyed("pay", [2], { key: "secret-key" }));
    for (const reply of [during, after]) {
      expect(reply.status).toBe(409);
      expect(verifiedHead(reply).outcome).toBe("error");
      expect(errorOf(reply)).toMatchObject({ code: "conflict", executed: "no", retryable: false });
      expect(reply.text).not.toContain("secret-key");
    }
    expect(runs).toHaveLength(1);
    expect(decided(runner).toSorted()).toEqual(["conflict", "conflict", "executed"]);
    expect(JSON.stringify([runner.logs, runner.events])).not.toContain("secret-key");
  });

  test("expires after ttlMs", async () => {
    let runs = 0;
    const runner = await start({ run: () => ++runs }, { ttlMs: 50 });
    expect(valueOf(await send(runner, keyed("run")))).toBe(1);
    await expect.poll(async () => valueOf(await send(runner, keyed("run")))).toBe(2);
  });

  test("is only passed to the handler when idempotency is disabled", async () => {
    let runs = 0;
    const runner = await start({ run: (context) => [context.idempotencyKey, ++runs] }, false);
    await send(runner, keyed("run"));
    expect(valueOf(await send(runner, keyed("run")))).toEqual(["k", 2]);
    expect(decided(runner)).toEqual([]);
  });
});

describe("a handler's failure", () => {
  test("that is a non-retryable FlameMethodError is stored and replayed", async () => {
    let runs = 0;
    const decline = (): never => {
      runs++;
      throw new FlameMethodError("card_declined", "The card was declined.", { details: { run: runs } });
    };
    const runner = await start({ decline });
    const first = await send(runner, keyed("decline"));
    const second = await send(runner, keyed("decline"));
    expect(errorOf(first)).toMatchObject({
      code: "remote_error",
      remote: { code: "card_declined", details: { run: 1 } },
    });
    expect([second.status, second.text]).toEqual([first.status, first.text]);
    expect(decided(runner)).toEqual(["executed", "replayed"]);
  });

  test("that may be retried is not stored, and the next call runs the handler again", async () => {
    let runs = 0;
    const flaky = (): string => {
      if (++runs === 1) throw new Error("try again");
      return "done";
    };
    const runner = await start({ flaky });
    expect(errorOf(await send(runner, keyed("flaky")))).toMatchObject({ code: "remote_error", retryable: true });
    expect(valueOf(await send(runner, keyed("flaky")))).toBe("done");
    expect(decided(runner)).toEqual(["executed", "executed"]);
  });

  test("is returned to all callers that waited for the run", async () => {
    const { runs, handler, started } = gate();
    const runner = await start({ run: handler });
    const first = send(runner, keyed("run"));
    await started(1);
    const second = send(runner, keyed("run"));
    await joinedBy(runner, 2);
    runs[0]?.fail(new Error("broken"));
    expect([errorOf(await first).code, errorOf(await second).code]).toEqual(["remote_error", "remote_error"]);
    expect(runs).toHaveLength(1);
  });

  test("before the handler runs, such as invalid arguments, is neither stored nor counted", async () => {
    const runner = await start({ run: () => 1 });
    const notAnArray = () => {
      const { head } = keyed("run");
      return { ...sign("test/run", { length: 0 } as never, { idempotencyKey: head.idempotencyKey }) };
    };
    expect(errorOf(await send(runner, notAnArray()))).toMatchObject({ code: "serialization_error", executed: "no" });
    expect(valueOf(await send(runner, keyed("run")))).toBe(1);
    expect(decided(runner)).toEqual(["executed"]);
  });
});

describe("a caller that joins a run", () => {
  test("gets the result even if the first caller disconnects", async () => {
    const { runs, handler, started } = gate();
    const runner = await start({ run: handler });
    const first = droppable(runner, keyed("run"));
    await started(1);
    const second = send(runner, keyed("run"));
    await joinedBy(runner, 2);
    first.drop();
    await joinedBy(runner, 1);
    expect(runs[0]?.signal.aborted).toBe(false);
    runs[0]?.end("kept");
    expect(valueOf(await second)).toBe("kept");
    expect(runs).toHaveLength(1);
    expect(decided(runner)).toEqual(["executed", "joined"]);
  });

  test("extends the handler's deadline to its own", async () => {
    const { runs, handler, started } = gate();
    const runner = await start({ run: handler });
    const first = send(runner, keyed("run", [], { timeoutMs: 150 }));
    await started(1);
    const before = Number(runs[0]?.deadline());
    const second = send(runner, keyed("run", [], { timeoutMs: 10_000 }));
    expect(errorOf(await first)).toMatchObject({ code: "timeout", executed: "yes" });
    expect(runs[0]?.signal.aborted).toBe(false);
    expect(Number(runs[0]?.deadline()) - before).toBeGreaterThan(5_000);
    runs[0]?.end("in time");
    expect(valueOf(await second)).toBe("in time");
  });

  test("times out at its own deadline while the run continues for others", async () => {
    const { runs, handler, started } = gate();
    const runner = await start({ run: handler });
    const first = send(runner, keyed("run"));
    await started(1);
    const hasty = await send(runner, keyed("run", [], { timeoutMs: 50 }));
    expect(hasty.status).toBe(504);
    expect(errorOf(hasty)).toMatchObject({ code: "timeout", executed: "yes", retryable: true });
    runs[0]?.end(1);
    expect(valueOf(await first)).toBe(1);
  });
});

describe("a run abandoned by all of its callers", () => {
  test("is aborted, and when the handler stops, the next call with the key runs it again", async () => {
    const { runs, handler, started } = gate();
    const runner = await start({ run: handler });
    const first = droppable(runner, keyed("run"));
    await started(1);
    first.drop();
    await expect.poll(() => runs[0]?.signal.aborted).toBe(true);
    const second = send(runner, keyed("run"));
    await joinedBy(runner, 1);
    expect(runs).toHaveLength(1);
    runs[0]?.fail(runs[0].signal.reason);
    await started(2);
    runs[1]?.end("second run");
    expect(valueOf(await second)).toBe("second run");
  });

  test.each(["disconnect", "deadline"])(
    "by %s keeps its key while the handler continues, and stores its result",
    async (how) => {
      const { runs, handler, started } = gate();
      const runner = await start({ run: handler });
      if (how === "deadline") {
        expect(errorOf(await send(runner, keyed("run", [], { timeoutMs: 50 })))).toMatchObject({ code: "timeout" });
      } else {
        const first = droppable(runner, keyed("run"));
        await started(1);
        first.drop();
      }
      await expect.poll(() => runs[0]?.signal.aborted).toBe(true);
      const second = send(runner, keyed("run"));
      await joinedBy(runner, 1);
      const hasty = await send(runner, keyed("run", [], { timeoutMs: 20 }));
      expect(errorOf(hasty)).toMatchObject({ code: "timeout", executed: "yes" });
      runs[0]?.end("after all");
      expect(valueOf(await second)).toBe("after all");
      expect(valueOf(await send(runner, keyed("run")))).toBe("after all");
      expect(runs).toHaveLength(1);
    },
  );

  test("is aborted when the runner stops", async () => {
    const { runs, handler, started } = gate();
    const runner = await start({ run: handler });
    const first = send(runner, keyed("run"));
    await started(1);
    await runner.server.stop({ drainTimeoutMs: 0 });
    expect(runs[0]?.signal.aborted).toBe(true);
    expect(errorOf(await first)).toMatchObject({ code: "unavailable", executed: "yes" });
  });
});

describe("a result larger than maxReplyBytes", () => {
  test("is returned to waiting callers, and later ones get a payload_too_large error with executed: yes", async () => {
    const { runs, handler, started } = gate();
    const runner = await start({ run: handler }, { maxReplyBytes: 100 });
    const first = send(runner, keyed("run"));
    await started(1);
    const second = send(runner, keyed("run"));
    await joinedBy(runner, 2);
    runs[0]?.end("x".repeat(200));
    expect([valueOf(await first), valueOf(await second)]).toEqual(["x".repeat(200), "x".repeat(200)]);
    expect(errorOf(await send(runner, keyed("run")))).toMatchObject({
      code: "payload_too_large",
      executed: "yes",
      retryable: false,
      message: expect.stringContaining("idempotency.maxReplyBytes"),
    });
    expect(runs).toHaveLength(1);
  });
});

describe("an idempotency store", () => {
  test("receives the method and key, a fingerprint of the arguments, and a unique owner", async () => {
    const asked: Array<unknown> = [];
    const store = memory();
    const spy: IdempotencyStore = {
      ...store,
      begin: (claim, leaseMs) => (asked.push([claim, leaseMs]), store.begin(claim, leaseMs)),
    };
    const runner = await start({ run: () => 1 }, { store: spy, leaseMs: 7_000 });
    const request = keyed("run", ["x"], { key: "order 42" });
    await send(runner, request);
    const fingerprint = createHash("sha256").update(request.body).digest("base64url");
    expect(asked).toEqual([
      [{ key: "test/run order 42", fingerprint, owner: expect.stringMatching(/^[\w-]{22}$/) }, 7_000],
    ]);
  });

  test("shared by two runners lets one of them run the handler while the other waits", async () => {
    const store = memory();
    const { runs, handler, started } = gate();
    const one = await start({ run: handler }, { store });
    const two = await start({ run: handler }, { store });
    const first = send(one, keyed("run"));
    await started(1);
    const second = send(two, keyed("run"));
    await joinedBy(two, 1);
    expect(errorOf(await send(two, keyed("run", ["other"])))).toMatchObject({ code: "conflict" });
    runs[0]?.end("shared");
    expect([valueOf(await first), valueOf(await second)]).toEqual(["shared", "shared"]);
    expect(runs).toHaveLength(1);
    expect([decided(one), decided(two).toSorted()]).toEqual([["executed"], ["conflict", "replayed"]]);
  });

  test("has its lease renewed while the handler runs, and passes a dead runner's claim to another runner", async () => {
    const store = memory();
    const { runs, handler, started } = gate();
    const alive = await start({ run: handler }, { store, leaseMs: 1_500 });
    const other = await start({ run: handler }, { store, leaseMs: 1_500 });
    const first = send(alive, keyed("run"));
    await started(1);
    const renewed = errorOf(await send(other, keyed("run", [], { timeoutMs: 4_000 })));
    expect(renewed).toMatchObject({ code: "timeout", executed: "unknown" });
    runs[0]?.end(1);
    await first;

    const { body } = keyed("run");
    const fingerprint = createHash("sha256").update(body).digest("base64url");
    store.begin({ key: "test/run dead", fingerprint, owner: "a runner that died" }, 200);
    const second = send(other, keyed("run", [], { key: "dead" }));
    await started(2);
    runs[1]?.end(2);
    expect(valueOf(await second)).toBe(2);
  });

  test("that fails rejects calls unexecuted, and its error is only logged", async () => {
    let ran = false;
    const store: IdempotencyStore = {
      ...memory(),
      begin: () => Promise.reject(new Error("redis://user:hunter2@host is down")),
    };
    const runner = await start({ run: () => void (ran = true) }, { store });
    const reply = await send(runner, keyed("run"));
    expect(reply.status).toBe(503);
    expect(errorOf(reply)).toMatchObject({ code: "unavailable", executed: "no", retryable: true });
    expect(reply.text).not.toContain("redis:");
    expect(runner.logs).toContainEqual(
      expect.objectContaining({
        level: "error",
        meta: expect.objectContaining({ "exception.message": expect.stringContaining("is down") }),
      }),
    );
    expect(decided(runner)).toEqual(["unavailable"]);
    expect(ran).toBe(false);
  });

  test("that fails to store a result does not affect the response, and the failure is logged", async () => {
    const store: IdempotencyStore = { ...memory(), complete: () => Promise.reject(new Error("disk full")) };
    const runner = await start({ run: () => 1 }, { store });
    expect(valueOf(await send(runner, keyed("run")))).toBe(1);
    expect(runner.logs).toContainEqual(
      expect.objectContaining({ level: "error", message: expect.stringContaining("was not stored") }),
    );
  });

  test("that returns an invalid stored reply fails the call with executed: unknown", async () => {
    const store: IdempotencyStore = { ...memory(), begin: () => ({ state: "done", reply: "junk" }) };
    const runner = await start({ run: () => 1 }, { store });
    expect(errorOf(await send(runner, keyed("run")))).toMatchObject({
      code: "invoke_error",
      executed: "unknown",
      retryable: false,
    });
  });

  test("is not called for calls without a key", async () => {
    const store: IdempotencyStore = { ...memory(), begin: () => Promise.reject(new Error("asked")) };
    const runner = await start({ run: () => 1 }, { store });
    expect(valueOf(await send(runner, sign("test/run", [])))).toBe(1);
  });
});

describe("idempotency options", () => {
  test.each([
    [{ ttlMs: 0 }, "idempotency.ttlMs"],
    [{ maxEntries: 1.5 }, "idempotency.maxEntries"],
    [{ maxBytes: 10, maxReplyBytes: 11 }, "maxBytes"],
    [{ store: { begin: () => {} } as never }, "renew()"],
  ])("that are invalid are rejected by name: %j", async (options, named) => {
    await expect(start({}, options)).rejects.toThrow(named);
  });

  test("limit the memory store, and the first early eviction is logged", async () => {
    const runner = await start({ run: () => 1 }, { maxEntries: 2 });
    for (const key of ["a", "b", "c", "d", "a"]) await send(runner, keyed("run", [], { key }));
    expect(decided(runner)).toEqual(["executed", "executed", "executed", "executed", "executed"]);
    expect(runner.logs.filter(({ message }) => message.includes("maxEntries"))).toHaveLength(1);
  });
});
