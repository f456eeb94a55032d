/**
 * Sends one order ten times at once to two runners that share a store. The order is charged once, and all ten calls
 * return that charge. The store is in Redis if a server is installed, otherwise in files.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFlame, defineMethod, FlameError, type IdempotencyStore } from "firelight";
import { redisStore } from "firelight/stores/redis";
import { createClient } from "redis";
import { fileStore } from "./file-store.ts";
import { findRedis, startRedis } from "./redis-server.ts";

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

const run = async (stores: readonly [IdempotencyStore, IdempotencyStore]): Promise<void> => {
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
  await run([fileStore(folder), fileStore(folder)]);
  rmSync(folder, { recursive: true });
} else {
  await using server = await startRedis(program);
  const connect = () =>
    createClient({ url: server.url, disableOfflineQueue: true })
      .on("error", (error: Error) => console.error("Redis:", error.message))
      .connect();
  const clients = await Promise.all([connect(), connect()]);
  console.log(`Keys are kept in Redis (${program}).`);
  await run([redisStore(clients[0]), redisStore(clients[1])]);
  await Promise.all(clients.map((client) => client.close()));
}
