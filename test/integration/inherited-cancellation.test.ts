/** Calls made by a handler are canceled when the handler is aborted. */
import { describe, expect, test } from "vitest";
import { flame } from "../../src/index.ts";
import { waitFor } from "../harness/wait-for.ts";
import { Hop, HopApart, type Way } from "./fixtures/hop-services.ts";
import { shareHops, startHops } from "./hops.ts";

const codeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => "ok",
    (error: { code: string }) => error.code,
  );

const cancelWhen = async (begun: () => boolean, call: (signal: AbortSignal) => Promise<unknown>): Promise<void> => {
  const caller = new AbortController();
  const ended = codeOf(call(caller.signal));
  await waitFor(begun, { what: "the inner handlers to start" });
  caller.abort();
  expect(await ended).toBe("canceled");
};

const free = () =>
  waitFor(async () => (await Hop.slots()).slotsUsed === 0 && (await Hop.slots()).pending === 0, {
    what: "all slots of the inner pool to be free",
  });

describe("a nested call of an aborted handler", () => {
  const shared = shareHops(["outer", "inner"]);
  const inner: ReadonlyArray<[Way, number]> = [
    ["call", 1],
    ["own", 1],
    ["effect", 1],
    ["map", 2],
    ["collect", 2],
    ["iterate", 2],
    ["hedge", 2],
  ];

  test.each(inner)("made with %s is canceled, and later calls fail without running", async (way, handlers) => {
    const { noted } = await (way === "hedge" ? startHops(["outer", "inner", "inner"]) : shared());
    await cancelWhen(
      () => noted("began", "inner").length >= handlers,
      (signal) => Hop.through.with({ signal })("a", way),
    );
    const late = await waitFor(() => noted("late:canceled:no")[0], { what: "the outer handler to end" });
    expect(late.level).toBe("outer");
    expect(noted("ended:canceled:unknown", "outer")).toHaveLength(1);
    await waitFor(() => noted("aborted", "inner").length >= handlers, { what: "the inner handlers to be aborted" });
    expect(noted("began", "inner").map(({ id }) => id)).not.toContain("a-late");
    await free();
  });

  test("is canceled during its backoff, with executed: yes from its first attempt", async () => {
    const { noted } = await shared();
    await cancelWhen(
      () => noted("backoff", "outer").length === 1,
      (signal) => Hop.through.with({ signal })("a", "backoff"),
    );
    await waitFor(() => noted("late:canceled:no")[0], { what: "the outer handler to end" });
    expect(noted("ended:canceled:yes", "outer")).toHaveLength(1);
    expect(noted("failed", "inner")).toHaveLength(1);
  });

  test("is canceled while it is queued, with executed: no", async () => {
    const { noted } = await startHops(["outer", "inner"], 1);
    const holder = new AbortController();
    const held = codeOf(Hop.through.with({ signal: holder.signal })("holder", "call"));
    await waitFor(() => noted("began", "inner").length === 1, { what: "the first call to take the slot" });
    await cancelWhen(
      () => noted("began", "outer").length === 2,
      (signal) => Hop.through.with({ signal })("waiting", "call"),
    );
    const ended = await waitFor(() => noted("ended:canceled:no", "outer")[0], { what: "the call to end" });
    expect(ended.id).toBe("waiting");
    expect(await Hop.slots()).toEqual({ slotsUsed: 1, pending: 0 });
    holder.abort();
    expect(await held).toBe("canceled");
    await free();
  });

  test.each(["worker", "process"] as const)("is canceled when the handler runs with isolation: %s", async (kind) => {
    const { noted } = await shared();
    await cancelWhen(
      () => noted("began", "inner").length === 1,
      (signal) => HopApart[kind].with({ signal })("a", "call"),
    );
    await waitFor(() => noted("aborted", "inner").length === 1, { what: "the inner handler to be aborted" });
    await waitFor(() => noted("late:canceled:no")[0], { what: "the outer handler to end" });
  });

  test("is canceled when the handler reaches its deadline", async () => {
    const { noted } = await shared();
    expect(await codeOf(Hop.through.with({ timeoutMs: 3_000 })("a", "call"))).toBe("timeout");
    await waitFor(() => noted("aborted", "inner").length === 1, { what: "the inner handler to be aborted" });
    // The nested call and the handler have the same deadline, and either timer may fire first.
    await waitFor(() => noted("late:canceled:no")[0] ?? noted("late:timeout:no")[0], {
      what: "the outer handler to end",
    });
    await free();
  });

  test.each(["detached", "spawn"] as const)("made with %s keeps running", async (way) => {
    const { noted } = await shared();
    await cancelWhen(
      () => noted("began", "inner").length === 1,
      (signal) => Hop.through.with({ signal, timeoutMs: 8_000 })("a", way),
    );
    await waitFor(() => noted("aborted", "outer").length === 1, { what: "the outer handler to be aborted" });
    expect((await Hop.slots()).slotsUsed).toBe(1);
    expect(noted("aborted", "inner")).toEqual([]);
    expect(noted("ended:canceled:unknown")).toEqual([]);
    await waitFor(() => noted("aborted", "inner").length === 1, {
      what: "the inner handler to reach its deadline",
      timeoutMs: 20_000,
    });
  });
});

test("1,000 nested calls add at most one listener to the handler's signal, and leave none", async () => {
  await startHops(["outer", "inner"]);
  expect(await Hop.many.with({ timeoutMs: 100_000 })(1_000, 50)).toEqual({ warnings: [], listening: 0, most: 1 });
}, 120_000);

test("cancels the nested call of an aborted handler in local mode", async () => {
  await flame.configure({ mode: "local", logger: { info: () => {}, warn: () => {}, error: () => {} }, pools: {} });
  const caller = new AbortController();
  const ended = Promise.withResolvers<{ code: string; executed: string }>();
  const started = Promise.withResolvers<void>();
  const inner = flame.fn("inner-of-local", async () => {
    started.resolve();
    await new Promise(() => {});
  });
  const outer = flame.fn("outer-of-local", async () => inner().catch(ended.resolve));
  const call = codeOf(outer.with({ signal: caller.signal })());
  await started.promise;
  caller.abort();
  expect(await call).toBe("canceled");
  expect(await ended.promise).toMatchObject({ code: "canceled", executed: "unknown" });
  await flame.shutdown();
});
