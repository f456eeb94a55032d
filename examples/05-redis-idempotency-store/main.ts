/**
 * Sends one order ten times at once, over two runners that share a store: it is
 * charged once, and everybody gets that charge. The store is in Redis where a server is
 * installed, else in files.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFlame, defineMethod, FlameError, type IdempotencyStore } from "firelight";
import { fileStore } from "./file-store.ts";
import { findRedis, startRedis } from "./redis-server.ts";
import { redisStore } from "./redis-store.ts";
import { connectRedis } from "./resp.ts";

const security = { secret: randomBytes(32).toString("base64url") };
let charges = 0;

const billing = {
  charge: defineMethod("charge", async (ctx, order: { amount: number }) => {
    charges += 1;
    await new Promise((resolve) => setTimeout(resolve, 100));
    return { charge: charges, amount: order.amount, key: ctx.idempotencyKey };
  }),
};

const startRunner = async (store: IdempotencyStore) => {
  const runner = createFlame({ mode: "runner", security, idempotency: { store } });
  runner.service("billing", billing);
  const server = runner.createRunnerServer({ port: 0, hostname: "127.0.0.1", handleSignals: false });
  await server.ready;
  return { url: server.url, stop: () => runner.shutdown() };
};

const play = async (stores: readonly [IdempotencyStore, IdempotencyStore]): Promise<void> => {
  const runners = await Promise.all(stores.map(startRunner));
  await using parent = createFlame({
    security,
    pools: { default: { runners: runners.map(({ url }) => ({ url })), maxConcurrency: 5 } },
    logger: { info: () => {}, warn: () => {}, error: console.error },
  });
  const { charge } = parent.service("billing", billing);
  const order = charge.with({ idempotencyKey: "order-42" });
  const results = await Promise.all(Array.from({ length: 10 }, () => order({ amount: 50 })));
  const answers = new Set(results.map((result) => JSON.stringify(result)));
  console.log(
    `${results.length} calls with one key: ${charges} charge, ${answers.size} answer: ${[...answers].join()}`,
  );
  await order({ amount: 51 }).catch((error: unknown) => {
    if (!(error instanceof FlameError)) throw error;
    console.log(`the same key with another amount: ${error.code}, executed: ${error.executed}`);
  });
  await Promise.all(runners.map((runner) => runner.stop()));
};

const program = findRedis();
if (program === undefined) {
  const folder = mkdtempSync(join(tmpdir(), "firelight-keys-"));
  console.log("No redis-server is installed (REDIS_SERVER can name one): keys are kept in files.");
  await play([fileStore(folder), fileStore(folder)]);
  rmSync(folder, { recursive: true });
} else {
  const redis = await startRedis(program);
  const connections = [connectRedis({ path: redis.path }), connectRedis({ path: redis.path })] as const;
  console.log(`Keys are kept in Redis (${program}).`);
  await play([redisStore(connections[0].send), redisStore(connections[1].send)]);
  for (const connection of connections) connection.close();
  await redis.stop();
}
