import { expect, test } from "vitest";
import { waitFor } from "../harness/wait-for.ts";
import { Chaos } from "./fixtures/services.ts";
import { books, elastic, metric, now, quantile, seeded, size } from "./setup.ts";

test("aborting a call at any point fails it with canceled, aborts the handler within 100 ms, and frees the slot", async () => {
  const chance = seeded();
  const { env, call, read, noted, allow } = books();
  await elastic({ min: 2, max: 2, maxConcurrency: 8 }, env);
  await waitFor(async () => (await metric("flame_pool_runners", { state: "idle" })) === 2, {
    what: "two runners",
    timeoutMs: 20_000,
  });

  const calls = size({ long: 10_000, short: 500 });
  const abortedAt = new Map<string, number>();
  const endLags: Array<number> = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let turn = next++; turn < calls; turn = next++) {
      const id = `call-${turn}`;
      const controller = new AbortController();
      const abort = (): void => {
        abortedAt.set(id, now());
        controller.abort(new Error("no longer wanted"));
      };
      const point = chance();
      if (point < 0.1) abort();
      else if (point < 0.2) queueMicrotask(abort);
      else if (point < 0.3) setImmediate(abort);
      else setTimeout(abort, chance() * 25);
      const ended = await call(id, () => Chaos.wait.with({ signal: controller.signal })(id));
      expect(ended.error, id).toMatchObject({
        code: "canceled",
        executed: point < 0.1 ? "no" : expect.stringMatching(/no|unknown/),
      });
      endLags.push(ended.endedAt - abortedAt.get(id)!);
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));

  expect(await metric("flame_pool_slots_used")).toBe(0);
  expect(await metric("flame_pool_pending_requests")).toBe(0);
  expect(await metric("flame_invocation_active")).toBe(0);
  await waitFor(() => noted("aborted").size === noted("began").size, {
    what: "every started handler to be aborted",
  });

  const heard = noted("aborted");
  const lags = [...heard].map(([id, at]) => at - abortedAt.get(id)!);
  console.log(
    `${heard.size} of ${calls} calls reached a handler, which was aborted after ${quantile(lags, 0.5).toFixed(1)} ms, p99 ${quantile(lags, 0.99).toFixed(1)} ms, of ${allow(100).toFixed(1)} ms`,
  );
  expect(heard.size).toBeGreaterThan(calls / 4);
  expect(quantile(lags, 0.99)).toBeLessThanOrEqual(allow(100));
  expect(quantile(endLags, 0.99)).toBeLessThanOrEqual(allow(100));
  expect(read()).toMatchObject({
    calls,
    missing: [],
    double: [],
    untyped: [],
    outcomes: new Map([["canceled", calls]]),
  });
  expect(await metric("rpc_client_call_duration_seconds_count", { error_type: "CANCELLED" })).toBe(calls);
});
