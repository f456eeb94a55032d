/** Calls whose connection breaks: they run at most once, unless their method is idempotent. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { httpStatus } from "../../src/contract/wire/envelope.ts";
import { type FlameOptions, InvokeError } from "../../src/index.ts";
import { countInvocations, cutConnections, type CutPoint, startFaultProxy } from "../harness/fault-proxy.ts";
import { openLedger, readLedger } from "../harness/ledger.ts";
import { waitFor } from "../harness/wait-for.ts";
import { startFlakyRunner } from "./flaky-runner.ts";
import { failureOf, parentOf, startStaticRunner } from "./static-runners.ts";

const cutPoints: ReadonlyArray<CutPoint> = ["after headers", "mid-body", "before the response", "mid-response"];

const setUp = async (options: FlameOptions = {}) => {
  const folder = mkdtempSync(join(tmpdir(), "firelight-ledger-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "ledger");
  const ledger = openLedger(path);
  onTestFinished(() => ledger.close());
  const work = {
    once: async (id: string) => {
      ledger.execStart(id);
      await new Promise((resolve) => setImmediate(resolve));
      ledger.execEnd(id);
      return id;
    },
  };
  const runner = await startStaticRunner("r1", work);
  const [requests, cuts] = [countInvocations(), cutConnections()];
  const proxy = await startFaultProxy(runner.port, requests, cuts);
  // The proxy cuts requests; links have tests of their own.
  const parent = parentOf([{ id: "r1", url: proxy.url }], { transport: "http", retryBudget: false });
  const { once } = parent.flame.service("work", work, options);
  const call = async (id: string): Promise<string> => {
    ledger.start(id);
    const outcome = await once(id).then(
      () => "ok",
      (error: { code: string }) => error.code,
    );
    ledger.end(id, outcome);
    return outcome;
  };
  return {
    requests,
    cuts,
    once,
    call,
    parent,
    books: () => readLedger(path, new Set(["ok", ...Object.keys(httpStatus)])),
  };
};

describe.each(cutPoints)("a connection that is reset %s", (point) => {
  test.each([
    ["without a retry policy", {}],
    ["with maxAttempts: 1", { idempotent: true, retry: { maxAttempts: 1 } }],
    ["with a retry.on that does not match", { retry: { maxAttempts: 3, on: ["unavailable"] } }],
  ] satisfies ReadonlyArray<[string, FlameOptions]>)(
    "fails a call %s after one attempt, and its handler runs at most once",
    async (_, options) => {
      const { requests, cuts, call, books } = await setUp(options);
      expect(await call("warm")).toBe("ok");
      for (let round = 0; round < 5; round++) {
        cuts.point = point;
        const before = requests.count;
        expect(await call(`cut-${round}`)).toBe("transport_error");
        expect(requests.count - before).toBe(1);
        cuts.point = undefined;
        expect(await call(`warm-${round}`)).toBe("ok");
      }
      const report = books();
      expect(report).toMatchObject({ calls: 11, missing: [], double: [], untyped: [], repeated: [], unreadable: [] });
      const ran = [...report.executions.keys()].filter((id) => id.startsWith("cut")).length;
      expect(ran).toBe(point === "before the response" || point === "mid-response" ? 5 : 0);
    },
  );

  test("fails a call with executed: unknown", async () => {
    const { cuts, once } = await setUp();
    await once("warm");
    cuts.point = point;
    expect(await failureOf(once("a"))).toMatchObject({ code: "transport_error", executed: "unknown", attempt: 1 });
  });

  test("is retried for an idempotent method", async () => {
    const { cuts, call, parent } = await setUp({ idempotent: true, retry: { baseDelayMs: 50 } });
    expect(await call("warm")).toBe("ok");
    cuts.point = point;
    const ended = call("a");
    await waitFor(() => parent.logged("flame.retry.scheduled").length > 0, { what: "the first retry" });
    cuts.point = undefined;
    expect(await ended).toBe("ok");
    expect(parent.logged("flame.retry.scheduled")[0]!.meta).toMatchObject({
      "flame.retry.reason": "transport_error, executed: unknown",
      "flame.retry.next_attempt": 2,
    });
  });
});

test("an idempotent method fails after three attempts, and its error says so", async () => {
  const { requests, cuts, once, parent } = await setUp({ idempotent: true, retry: { baseDelayMs: 1 } });
  cuts.point = "before the response";
  const error = await failureOf(once("a"));
  expect(error).toMatchObject({ code: "transport_error", executed: "unknown", attempt: 3 });
  expect(error.message).toContain("Not retried: 3 of 3 attempts were made.");
  expect(requests.count).toBe(3);
  expect(parent.logged("flame.retry.refused").map(({ meta }) => meta["flame.retry.refused"])).toEqual(["max_attempts"]);
});

test("executed of a failed call covers all of its attempts, not only the last one", async () => {
  const runner = await startFlakyRunner("flaky");
  const cuts = cutConnections();
  const proxy = await startFaultProxy(Number(new URL(runner.url).port), cuts);
  const parent = parentOf([{ id: "flaky", url: proxy.url }], { transport: "http" });
  const name = parent.flame.fn("name", async () => "", { idempotent: true, retry: { baseDelayMs: 100 } });
  cuts.point = "before the response";
  const failed = failureOf(name());
  await waitFor(() => parent.logged("flame.retry.scheduled").length > 0, { what: "the first retry" });
  runner.mood = new InvokeError("unavailable", "Stopping.");
  cuts.point = undefined;
  const error = await failed;
  expect(error).toMatchObject({ code: "unavailable", executed: "unknown" });
  expect(error.message).toMatch(/^Stopping\. An earlier attempt may have run the handler\. Not retried: /);
});
