/** Nonces: random ids that make each signed request unique. */
import { randomFillSync } from "node:crypto";

const NONCE_BYTES = 16;
const pool = Buffer.alloc(4096);
let used = pool.length;

/** Returns 128 random bits in base64url: 22 characters. Random bytes are drawn from the system 4 KiB at a time. */
export const newNonce = (): string => {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += NONCE_BYTES;
  return pool.toString("base64url", used - NONCE_BYTES, used);
};
