import { describe, expect, onTestFinished, test } from "vitest";
import { createFlame, currentInvocation, defineMethod, FlameMethodError } from "../../../src/index.ts";
import { waitFor } from "../../harness/wait-for.ts";

const silent = { info: () => {}, warn: () => {}, error: () => {} };

const setup = () => {
  const flame = createFlame({ mode: "local", logger: silent });
  onTestFinished(() => flame.shutdown());
  const gate = Promise.withResolvers<string>();
  const seen = { started: 0, aborted: 0, ids: [] as Array<string> };
  const service = flame.service("work", {
    gated: defineMethod("gated", async (ctx, prefix: string) => {
      seen.started++;
      seen.ids.push(ctx.invocationId);
      ctx.signal.addEventListener("abort", () => seen.aborted++);
      const aborted = new Promise<never>((_resolve, reject) => {
        ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason as Error));
      });
      return prefix + (await Promise.race([gate.promise, aborted]));
    }),
    deaf: async () => {
      seen.started++;
      const { signal } = currentInvocation()!;
      signal.addEventListener("abort", () => seen.aborted++);
      const result = await gate.promise;
      seen.ids.push(result);
      return result;
    },
    fail: async (): Promise<string> => {
      throw new FlameMethodError("broken", "It is broken.");
    },
  });
  return { flame, service, gate, seen };
};

describe("a job", () => {
  test("has the invocation's id immediately, reports its status and returns its result repeatedly", async () => {
    const { service, gate, seen } = setup();
    const job = service.gated.spawn("got ");
    await waitFor(() => seen.started === 1, { what: "the handler to start" });
    expect(seen.ids).toEqual([job.id]);
    expect(job.status()).toBe("running");
    gate.resolve("it");
    expect(await job.result()).toBe("got it");
    expect(job.status()).toBe("done");
    expect(await job.result()).toBe("got it");
    job.cancel();
    expect(job.status()).toBe("done");
  });

  test("has a unique id", () => {
    const { service } = setup();
    const jobs = [service.fail.spawn(), service.fail.spawn()];
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(2);
  });

  test("that fails causes no unhandled rejection, and result() rejects", async () => {
    const { service } = setup();
    const unhandled: Array<unknown> = [];
    const onUnhandled = (error: unknown): void => void unhandled.push(error);
    process.on("unhandledRejection", onUnhandled);
    onTestFinished(() => void process.off("unhandledRejection", onUnhandled));
    const job = service.fail.spawn();
    await waitFor(() => job.status() === "failed", { what: "the job to fail" });
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
    await expect(job.result()).rejects.toMatchObject({ code: "remote_error", invocationId: job.id });
  });

  test("rejects as canceled with the reason, and aborts the handler's signal", async () => {
    const { service, seen } = setup();
    const job = service.gated.spawn("");
    await waitFor(() => seen.started === 1, { what: "the handler to start" });
    const reason = new Error("no longer wanted");
    job.cancel(reason);
    await expect(job.result()).rejects.toMatchObject({ code: "canceled", cause: reason });
    expect(job.status()).toBe("canceled");
    expect(seen.aborted).toBe(1);
  });

  test("is canceled by the signal in its call options", async () => {
    const { service, seen } = setup();
    const controller = new AbortController();
    const job = service.gated.with({ signal: controller.signal }).spawn("");
    await waitFor(() => seen.started === 1, { what: "the handler to start" });
    controller.abort("stop");
    await expect(job.result()).rejects.toMatchObject({ code: "canceled", cause: "stop" });
    const late = service.gated.with({ signal: controller.signal }).spawn("");
    await expect(late.result()).rejects.toMatchObject({ code: "canceled", executed: "no" });
    expect(seen.started).toBe(1);
  });

  test("is canceled and awaited when its scope ends", async () => {
    const { service, gate, seen } = setup();
    let canceled;
    {
      await using job = service.gated.spawn("");
      canceled = job;
      await waitFor(() => seen.started === 1, { what: "the handler to start" });
    }
    expect(canceled.status()).toBe("canceled");
    gate.resolve("late");
    {
      await using job = service.gated.spawn("");
      expect(await job.result()).toBe("late");
    }
  });

  test("fails as unavailable when the instance is shut down", async () => {
    const { flame, service } = setup();
    await flame.shutdown();
    const job = service.fail.spawn();
    await expect(job.result()).rejects.toMatchObject({ code: "unavailable" });
    expect(job.status()).toBe("failed");
  });
});

describe("a detached call", () => {
  test("rejects for its caller when it is canceled, while its handler continues", async () => {
    const { service, gate, seen } = setup();
    const job = service.deaf.with({ detached: true }).spawn();
    await waitFor(() => seen.started === 1, { what: "the handler to start" });
    job.cancel();
    await expect(job.result()).rejects.toMatchObject({
      code: "canceled",
      executed: "unknown",
      message: expect.stringContaining("goes on until its deadline"),
    });
    expect(seen.aborted).toBe(0);
    gate.resolve("finished");
    await waitFor(() => seen.ids.length === 1, { what: "the handler to finish" });
    expect(seen).toMatchObject({ aborted: 0, ids: ["finished"] });
  });

  test("still times out at its deadline", async () => {
    const { service, seen } = setup();
    const call = service.deaf.with({ detached: true, timeoutMs: 50 })();
    await expect(call).rejects.toMatchObject({ code: "timeout" });
    await waitFor(() => seen.aborted === 1, { what: "the handler's signal to abort" });
  });

  test("is an option of methods, which a call can override; only booleans are accepted", async () => {
    const { flame, seen } = setup();
    const wait = flame.fn(
      "wait",
      async () => {
        seen.started++;
        currentInvocation()?.signal.addEventListener("abort", () => seen.aborted++);
        await new Promise(() => {});
      },
      { detached: true, timeoutMs: 5_000 },
    );
    const kept = wait.spawn();
    await waitFor(() => seen.started === 1, { what: "the handler to start" });
    kept.cancel();
    await kept.result().catch(() => {});
    expect(seen.aborted).toBe(0);
    const ended = wait.with({ detached: false }).spawn();
    await waitFor(() => seen.started === 2, { what: "the handler to start" });
    ended.cancel();
    await waitFor(() => seen.aborted === 1, { what: "the handler's signal to abort" });
    expect(() => wait.with({ detached: "yes" as never })).toThrow(/detached is "yes"/);
  });
});
