import { afterAll, beforeAll, describe, expect, test, onTestFinished } from "vitest";
import { createClient, createClientPool } from "redis";
import { findRedis, type RedisServer, startRedis } from "../../examples/05-redis-idempotency-store/redis-server.ts";
import { ConfigError } from "../../src/contract/errors.ts";
import { redisStore } from "../../src/stores/redis.ts";
import { idempotencyStoreConformance } from "../../src/testing/idempotency-store.ts";

const program = findRedis();
const claim = { key: "shop/charge order-1", fingerprint: "f".repeat(43), owner: "o".repeat(22) };

describe("redisStore", () => {
  const client = { eval: () => Promise.resolve(null) };

  test.each<[client: unknown, options: object, message: string]>([
    [undefined, {}, 'client is undefined. Use a client of the package "redis".'],
    [{ get: () => undefined }, {}, 'client has no eval(). Use a client of the package "redis" with eval().'],
    [client, { prefix: "" }, 'prefix is "". Use a string of 1–256 characters.'],
    [client, { prefix: "p".repeat(257) }, "Use a string of 1–256 characters."],
    [client, { prefx: "a:" }, "prefx is not an option. Did you mean prefix?"],
  ])("rejects %j with %j", (given, options, message) => {
    const create = () => redisStore(given as never, options);
    expect(create).toThrow(ConfigError);
    expect(create).toThrow(message);
  });

  test("sends nothing until the first claim", () => {
    redisStore({ eval: () => expect.unreachable() });
  });
});

describe.skipIf(program === undefined)(
  "redisStore with a real server (skipped without redis-server; REDIS_SERVER can name one)",
  () => {
    let server: RedisServer;
    beforeAll(async () => {
      server = await startRedis(program!);
    });
    afterAll(() => server.stop());

    const connect = async () => {
      const client = createClient({ url: server.url, disableOfflineQueue: true, socket: { reconnectStrategy: false } });
      client.on("error", () => {});
      await client.connect();
      onTestFinished(() => {
        if (client.isOpen) client.destroy();
      });
      return client;
    };

    describe("with a connection per store", () => {
      for (const { name, run } of idempotencyStoreConformance(async () => redisStore(await connect()))) test(name, run);
    });

    test("accepts a pool of clients", async () => {
      const pool = createClientPool({ url: server.url });
      await pool.connect();
      onTestFinished(() => pool.close());
      const store = redisStore(pool, { prefix: "pool:" });
      expect(await store.begin(claim, 60_000)).toEqual({ state: "started" });
      expect(await store.begin({ ...claim, owner: "p".repeat(22) }, 60_000)).toEqual({ state: "running" });
    });

    test("separates keys by prefix and shares keys with equal prefixes", async () => {
      const [one, two] = await Promise.all([connect(), connect()]);
      const key = { ...claim, key: "shop/charge prefixes" };
      expect(await redisStore(one, { prefix: "a:" }).begin(key, 60_000)).toEqual({ state: "started" });
      expect(await redisStore(one, { prefix: "b:" }).begin(key, 60_000)).toEqual({ state: "started" });
      expect(await redisStore(two, { prefix: "a:" }).begin(key, 60_000)).toEqual({ state: "running" });
      expect((await one.keys("?:shop/charge prefixes")).toSorted()).toEqual([
        "a:shop/charge prefixes",
        "b:shop/charge prefixes",
      ]);
    });

    test("sets an expiry on every key: the lease, then the TTL of the result", async () => {
      const client = await connect();
      const store = redisStore(client);
      const key = { ...claim, key: "shop/charge expiry" };
      const expiry = () => client.pTTL(`firelight:${key.key}`);
      await store.begin(key, 60_000);
      expect(await expiry()).toSatisfy((ms: number) => ms > 30_000 && ms <= 60_000);
      await store.renew(key, 200_000);
      expect(await expiry()).toSatisfy((ms: number) => ms > 100_000 && ms <= 200_000);
      await store.complete(key, "ok\n1", 900_000);
      expect(await expiry()).toSatisfy((ms: number) => ms > 300_000 && ms <= 900_000);
      await store.renew(key, 1);
      expect(await expiry()).toBeGreaterThan(300_000);
    });

    test("rejects every operation once the connection is lost", async () => {
      const client = await connect();
      const admin = await connect();
      const store = redisStore(client);
      const key = { ...claim, key: "shop/charge lost" };
      await store.begin(key, 60_000);
      const lost = new Promise((resolve) => client.once("error", resolve));
      await admin.sendCommand(["CLIENT", "KILL", "ID", String(await client.clientId())]);
      await lost;
      await expect(store.begin(key, 60_000)).rejects.toThrow(/closed/i);
      await expect(store.renew(key, 60_000)).rejects.toThrow(/closed/i);
      await expect(store.complete(key, "ok\n1", 60_000)).rejects.toThrow(/closed/i);
      await expect(store.abandon(key)).rejects.toThrow(/closed/i);
      expect(await redisStore(admin).begin({ ...key, owner: "p".repeat(22) }, 60_000)).toEqual({ state: "running" });
    });

    test("rejects with the server's error", async () => {
      const client = await connect();
      await client.hSet("firelight:shop/charge hash", "field", "value");
      await expect(redisStore(client).begin({ ...claim, key: "shop/charge hash" }, 60_000)).rejects.toThrow(
        "WRONGTYPE",
      );
    });

    test("rejects replies that are not strings", async () => {
      const client = await connect();
      const store = redisStore(client.withTypeMapping({ 36: Buffer }));
      const key = { ...claim, key: "shop/charge buffers" };
      expect(await store.begin(key, 60_000)).toEqual({ state: "started" });
      await expect(store.begin(key, 60_000)).rejects.toThrow("without a type mapping for strings");
    });
  },
);
