/** One execution per idempotency key, over real sockets, while a proxy drops responses. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { fileStore } from "../../examples/05-redis-idempotency-store/file-store.ts";
import type { IdempotencyStore } from "../../src/contract/config/idempotency.ts";
import { createFlame, defineMethod, FlameError, type Flame } from "../../src/index.ts";
import { dropResponses, startFaultProxy } from "../harness/fault-proxy.ts";
import { openLedger, readLedger } from "../harness/ledger.ts";
import { silent } from "./setup.ts";

const security = { secret: "a secret of the tests" };
const duplicates = 10;

const openBooks = () => {
  const folder = mkdtempSync(join(tmpdir(), "firelight-keys-"));
  const path = join(folder, "ledger");
  const ledger = openLedger(path);
  onTestFinished(() => {
    ledger.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { folder, ledger, read: () => readLedger(path, new Set(["ok", "conflict"])) };
};

type Books = ReturnType<typeof openBooks>;

const makeOrders = (flame: Flame, { ledger }: Books) =>
  flame.service("orders", {
    place: defineMethod("place", async (ctx, amount: number) => {
      const key = String(ctx.idempotencyKey);
      ledger.execStart(key);
      await setImmediate();
      ledger.execEnd(key);
      return { amount, placedBy: ctx.invocationId };
    }),
  });

const startRunner = async (books: Books, store?: IdempotencyStore) => {
  const flame = createFlame({ mode: "runner", security, logger: silent, ...(store && { idempotency: { store } }) });
  onTestFinished(() => flame.shutdown());
  makeOrders(flame, books);
  const server = flame.createRunnerServer({ port: 0, hostname: "127.0.0.1", handleSignals: false });
  await server.ready;
  return server;
};

/** A dropped response costs one call over HTTP, and all calls on a link. No retry budget allows for that. */
const pools = {
  http: { pool: { transport: "http" }, nth: 13, minDropped: 50 },
  link: { pool: { transport: "link", retryBudget: false }, nth: 13, minDropped: 3 },
} as const;

const startParent = (books: Books, urls: ReadonlyArray<string>, transport: keyof typeof pools) => {
  const flame = createFlame({
    mode: "parent",
    security,
    logger: silent,
    pools: { default: { runners: urls.map((url) => ({ url })), maxConcurrency: 64, ...pools[transport].pool } },
  });
  onTestFinished(() => flame.shutdown());
  return makeOrders(flame, books).place;
};

type Place = ReturnType<typeof startParent>;

/** Makes ten concurrent calls with each key, then one with another amount. Returns the distinct results by key. */
const callAll = async (place: Place, { ledger }: Books, keys: ReadonlyArray<string>, atOnce: number) => {
  const answers = new Map<string, Set<string>>();
  const call = async (key: string, id: string, amount: number): Promise<void> => {
    ledger.start(id);
    try {
      const answer = await place.with({
        idempotencyKey: key,
        retry: { maxAttempts: 8, baseDelayMs: 5 },
        timeoutMs: 25_000,
      })(amount);
      answers.set(key, (answers.get(key) ?? new Set()).add(JSON.stringify(answer)));
      ledger.end(id, "ok");
    } catch (error) {
      ledger.end(id, error instanceof FlameError ? error.code : "untyped");
    }
  };
  const callKey = async (key: string): Promise<void> => {
    await Promise.all(Array.from({ length: duplicates }, (_, index) => call(key, `${key}/${index}`, 50)));
    await call(key, `${key}/other`, 51);
  };
  const waiting = [...keys];
  const work = async (): Promise<void> => {
    for (let key = waiting.shift(); key !== undefined; key = waiting.shift()) await callKey(key);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return answers;
};

const expectOnce = (
  books: Books,
  answers: ReadonlyMap<string, ReadonlySet<string>>,
  keys: ReadonlyArray<string>,
): void => {
  const report = books.read();
  expect({
    missing: report.missing,
    double: report.double,
    untyped: report.untyped,
    repeated: report.repeated,
  }).toEqual({
    missing: [],
    double: [],
    untyped: [],
    repeated: [],
  });
  expect(Object.fromEntries(report.outcomes)).toEqual({ ok: duplicates * keys.length, conflict: keys.length });
  expect(report.executions.size).toBe(keys.length);
  expect([...answers.values()].filter((distinct) => distinct.size !== 1)).toEqual([]);
};

describe.each(["http", "link"] as const)("ten concurrent calls with the same idempotency key (%s)", (transport) => {
  test(
    "run once and return one result, with one runner behind a proxy that drops responses",
    { timeout: 90_000 },
    async () => {
      const books = openBooks();
      const runner = await startRunner(books);
      const { nth, minDropped } = pools[transport];
      const drops = dropResponses(nth);
      const proxy = await startFaultProxy(runner.port, drops);
      const place = startParent(books, [proxy.url], transport);
      const keys = Array.from({ length: 150 }, (_, index) => `order-${index}`);
      const answers = await callAll(place, books, keys, 4);
      expect(drops.dropped).toBeGreaterThan(minDropped);
      expectOnce(books, answers, keys);
    },
  );

  test(
    "run once and return one result, with two runners that share a store behind proxies that drop responses",
    { timeout: 90_000 },
    async () => {
      const books = openBooks();
      const proxies = await Promise.all(
        ["one", "two"].map(async () => {
          const runner = await startRunner(books, fileStore(join(books.folder, "store")));
          const drops = dropResponses(31);
          return { drops, url: (await startFaultProxy(runner.port, drops)).url };
        }),
      );
      const place = startParent(
        books,
        proxies.map(({ url }) => url),
        transport,
      );
      const keys = Array.from({ length: 100 }, (_, index) => `order-${index}`);
      const answers = await callAll(place, books, keys, 4);
      expect(proxies.every(({ drops }) => drops.dropped > 0)).toBe(true);
      expectOnce(books, answers, keys);
    },
  );
});

describe("ten concurrent calls with the same idempotency key", () => {
  test("run once and return one result, in local mode", async () => {
    const books = openBooks();
    const flame = createFlame({ mode: "local", logger: silent });
    onTestFinished(() => flame.shutdown());
    const keys = Array.from({ length: 100 }, (_, index) => `order-${index}`);
    expectOnce(books, await callAll(makeOrders(flame, books).place, books, keys, 4), keys);
  });
});
