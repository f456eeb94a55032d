/**
 * An idempotency store in Redis, for runners that share one.
 *
 * A runner without a store keeps idempotency keys in its own memory, where the other runners of the pool do not see
 * them. With this store, a key that one runner has started or completed is known to all runners of the same Redis and
 * prefix. It needs Redis 6 or later, or a server that is compatible with it, such as Valkey.
 *
 * Each operation is one Lua script on one key. Redis runs scripts one at a time, so no other command comes between the
 * read and the write, and the expiry of leases and results depends on the clock of Redis alone.
 *
 * @example
 * ```ts
 * import { createFlame } from "firelight";
 * import { redisStore } from "firelight/stores/redis";
 * import { createClient } from "redis";
 *
 * const client = await createClient({ url: "redis://localhost:6379", disableOfflineQueue: true })
 *   .on("error", (error: Error) => console.error("Redis:", error.message))
 *   .connect();
 * export const flame = createFlame({ idempotency: { store: redisStore(client) } });
 * ```
 *
 * @module
 */
import "../contract/process/runtime-check.ts";
import { ConfigError } from "../contract/errors.ts";
import type { IdempotencyClaim, IdempotencyState, IdempotencyStore } from "../contract/config/idempotency.ts";
import { having, text } from "../contract/validation/option-checks.ts";
import { type Check, object, readOption } from "../contract/validation/option-schema.ts";

/**
 * The one method of a client that the store calls. Clients, pools, clusters and sentinels of the package `redis` have
 * it. For another client, pass an object that maps it: for ioredis,
 * `{ eval: (script, { keys, arguments: args }) => ioredis.eval(script, keys.length, ...keys, ...args) }`.
 */
export interface RedisScriptClient {
  /**
   * Runs a Lua script.
   *
   * @param script the source of the script
   * @param options its keys and arguments
   * @returns the reply of the script: a string, or `null` for a reply of `false`.
   */
  eval(script: string, options: { keys: Array<string>; arguments: Array<string> }): Promise<unknown>;
}

/** Options of {@link redisStore}. */
export interface RedisStoreOptions {
  /**
   * Precedes every key in Redis. Runners share keys if their prefixes are equal, so give each deployment its own where
   * several use one Redis. At most 256 characters. Default: `"firelight:"`.
   */
  readonly prefix?: string;
}

const client: Check<RedisScriptClient> = having('a client of the package "redis"', ["eval"]);

const options = object<RedisStoreOptions>({
  prefix: text({ allowed: "a string of 1–256 characters", pattern: /^[^]{1,256}$/ }),
});

/*
 * The value of a key is `<fingerprint> <owner>` while a claim runs, and `<fingerprint> done <reply>` once it is
 * completed. Owners have 22 characters, so none of them is "done".
 */

const beginScript = `
local record = redis.call("GET", KEYS[1])
if record then return record end
redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2])
return false`;

const renewScript = `
if redis.call("GET", KEYS[1]) == ARGV[1] then redis.call("PEXPIRE", KEYS[1], ARGV[2]) end
return false`;

const completeScript = `
local record = redis.call("GET", KEYS[1])
if not record or record == ARGV[1] then redis.call("SET", KEYS[1], ARGV[2], "PX", ARGV[3]) end
return false`;

const abandonScript = `
if redis.call("GET", KEYS[1]) == ARGV[1] then redis.call("DEL", KEYS[1]) end
return false`;

const stateOf = (record: unknown, claim: IdempotencyClaim): IdempotencyState => {
  if (record === null || record === undefined) return { state: "started" };
  if (typeof record !== "string")
    throw new ConfigError(
      "redisStore: the client returned a reply that is not a string. Pass a client without a type mapping for strings.",
    );
  const [fingerprint = "", owner = ""] = record.split(" ", 2);
  if (fingerprint !== claim.fingerprint) return { state: "conflict" };
  if (owner !== "done") return { state: "running" };
  return { state: "done", reply: record.slice(`${fingerprint} done `.length) };
};

/**
 * Creates a store that keeps idempotency keys in Redis. It sends nothing before the first call with a key, and never
 * connects or closes the client: connect it before the runner starts, and close it after the runner has stopped.
 *
 * - **When Redis is unreachable**, a call with a key fails without running, and results are returned but not kept; both
 *   are logged. A client that queues commands while it is disconnected, which is the default of `redis`, delays that
 *   to the store timeout of 5 seconds; set `disableOfflineQueue: true` to fail at once.
 * - **What Redis forgets runs again.** Set `maxmemory-policy noeviction`, and persistence if keys must survive a
 *   restart. A failover to a replica can lose the most recent keys, because Redis replicates asynchronously.
 * - **Size.** One key per call: its result, at most `idempotency.maxReplyBytes` (default: 1 MiB), for
 *   `idempotency.ttlMs` (default: 24 hours).
 *
 * @param redisClient a connected client of the package `redis`, or an object with the same `eval`
 * @param storeOptions the options; all have defaults
 * @throws {ConfigError} if the client has no `eval` or an option is invalid.
 *
 * @example
 * ```ts
 * createFlame({ idempotency: { store: redisStore(client, { prefix: "shop:staging:" }), ttlMs: 3_600_000 } });
 * ```
 */
export const redisStore = (redisClient: RedisScriptClient, storeOptions: RedisStoreOptions = {}): IdempotencyStore => {
  const redis = readOption(client, redisClient, "redisStore", "client");
  const { prefix = "firelight:" } = readOption(options, storeOptions, "redisStore");
  const run = (script: string, claim: IdempotencyClaim, ...args: ReadonlyArray<string>): Promise<unknown> =>
    redis.eval(script, { keys: [prefix + claim.key], arguments: [`${claim.fingerprint} ${claim.owner}`, ...args] });

  return {
    begin: async (claim, leaseMs) => stateOf(await run(beginScript, claim, String(leaseMs)), claim),
    renew: async (claim, leaseMs) => {
      await run(renewScript, claim, String(leaseMs));
    },
    complete: async (claim, reply, ttlMs) => {
      await run(completeScript, claim, `${claim.fingerprint} done ${reply}`, String(ttlMs));
    },
    abandon: async (claim) => {
      await run(abandonScript, claim);
    },
  };
};
