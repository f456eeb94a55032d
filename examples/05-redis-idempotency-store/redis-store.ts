/**
 * Keeps what came of idempotency keys in Redis 7, Valkey, or what speaks like them, for all
 * runners that share it. A key holds `<fingerprint> <owner>` while it runs, and
 * `<fingerprint> done <reply>` for as long as its reply is kept; Redis lets both run out.
 */
import type { IdempotencyClaim, IdempotencyState, IdempotencyStore } from "firelight";

/**
 * Sends a command and gives what Redis answered. With the usual clients:
 * `(name, ...args) => nodeRedis.sendCommand([name, ...args])`, `(name, ...args) => ioredis.call(name, ...args)`,
 * `(name, ...args) => Bun.redis.send(name, args)`.
 */
export type SendCommand = (name: string, ...args: ReadonlyArray<string>) => Promise<unknown>;

const renewScript = `
if redis.call("GET", KEYS[1]) == ARGV[1] then redis.call("PEXPIRE", KEYS[1], ARGV[2]) end`;

const completeScript = `
local held = redis.call("GET", KEYS[1])
if not held or held == ARGV[1] then redis.call("SET", KEYS[1], ARGV[2], "PX", ARGV[3]) end`;

const abandonScript = `
if redis.call("GET", KEYS[1]) == ARGV[1] then redis.call("DEL", KEYS[1]) end`;

const stateOf = (held: string, claim: IdempotencyClaim): IdempotencyState => {
  const [fingerprint, owner = ""] = held.split(" ", 2);
  if (fingerprint !== claim.fingerprint) return { state: "conflict" };
  if (owner !== "done") return { state: "running" };
  return { state: "done", reply: held.slice(`${fingerprint} done `.length) };
};

/** @param prefix keeps the keys of one program apart from all others. */
export const redisStore = (send: SendCommand, prefix = "firelight:"): IdempotencyStore => {
  const held = ({ fingerprint, owner }: IdempotencyClaim): string => `${fingerprint} ${owner}`;
  const run = async (script: string, claim: IdempotencyClaim, ...args: ReadonlyArray<string>): Promise<void> => {
    await send("EVAL", script, "1", prefix + claim.key, held(claim), ...args);
  };
  return {
    begin: async (claim, leaseMs) => {
      const before = await send("SET", prefix + claim.key, held(claim), "NX", "GET", "PX", String(leaseMs));
      return before === null ? { state: "started" } : stateOf(before as string, claim);
    },
    renew: (claim, leaseMs) => run(renewScript, claim, String(leaseMs)),
    complete: (claim, reply, ttlMs) => run(completeScript, claim, `${claim.fingerprint} done ${reply}`, String(ttlMs)),
    abandon: (claim) => run(abandonScript, claim),
  };
};
