/**
 * Keeps what came of idempotency keys in files, for all runners on this machine that
 * share the folder. Each key has a folder, and each claim that took it over the next
 * number in it: `link` makes a file whole or not at all, so one claim of many gets the
 * number. The highest number counts. Nothing removes the folders of old keys: where there
 * are many of those, let a timer of the system do so.
 */
import { createHash } from "node:crypto";
import { link, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { IdempotencyClaim, IdempotencyStore } from "firelight";

interface Entry {
  readonly fingerprint: string;
  readonly owner: string;
  /** In milliseconds since 1970. */
  readonly expiresAt: number;
  readonly reply?: string;
}

interface Numbered {
  readonly number: number;
  /** `undefined` when there is none, or none that still counts. */
  readonly entry: Entry | undefined;
}

const numbersIn = async (folder: string): Promise<ReadonlyArray<number>> =>
  (await readdir(folder)).map(Number).filter(Number.isInteger);

const readHighest = async (folder: string): Promise<Numbered> => {
  for (;;) {
    const number = Math.max(0, ...(await numbersIn(folder)));
    if (number === 0) return { number, entry: undefined };
    const text = await readFile(join(folder, String(number)), "utf8").catch(() => undefined);
    if (text !== undefined) return { number, entry: JSON.parse(text) as Entry };
  }
};

const isLive = (entry: Entry | undefined): entry is Entry => entry !== undefined && entry.expiresAt > Date.now();

export const fileStore = (root: string): IdempotencyStore => {
  const folderOf = ({ key }: IdempotencyClaim): string => join(root, createHash("sha256").update(key).digest("hex"));

  /** Writes an entry beside the others and lets `publish` give it its number. */
  const write = async (
    claim: IdempotencyClaim,
    entry: Entry,
    publish: (draft: string) => Promise<void>,
  ): Promise<void> => {
    const draft = join(folderOf(claim), `draft-${claim.owner}-${Math.random().toString(36).slice(2)}`);
    await writeFile(draft, JSON.stringify(entry));
    try {
      await publish(draft);
    } finally {
      await rm(draft, { force: true });
    }
  };

  /** Replaces the claim's own entry, if `may` allows it for what counts now. */
  const replace = async (
    claim: IdempotencyClaim,
    may: (entry: Entry) => boolean,
    change: Partial<Entry>,
  ): Promise<void> => {
    const folder = folderOf(claim);
    const { number, entry } = await readHighest(folder);
    if (entry === undefined || entry.owner !== claim.owner || entry.reply !== undefined || !may(entry)) return;
    await write(claim, { ...entry, ...change }, (draft) => rename(draft, join(folder, String(number))));
  };

  return {
    begin: async (claim, leaseMs) => {
      const folder = folderOf(claim);
      await mkdir(folder, { recursive: true });
      for (;;) {
        const { number, entry } = await readHighest(folder);
        if (isLive(entry)) {
          if (entry.fingerprint !== claim.fingerprint) return { state: "conflict" };
          return entry.reply === undefined ? { state: "running" } : { state: "done", reply: entry.reply };
        }
        const { fingerprint, owner } = claim;
        const taken = { fingerprint, owner, expiresAt: Date.now() + leaseMs };
        let won = true;
        await write(claim, taken, (draft) =>
          link(draft, join(folder, String(number + 1))).catch((error: NodeJS.ErrnoException) => {
            if (error.code !== "EEXIST") throw error;
            won = false;
          }),
        );
        if (!won) continue;
        const old = (await numbersIn(folder)).filter((other) => other <= number);
        await Promise.all(old.map((other) => rm(join(folder, String(other)), { force: true })));
        return { state: "started" };
      }
    },
    renew: (claim, leaseMs) => replace(claim, isLive, { expiresAt: Date.now() + leaseMs }),
    complete: (claim, reply, ttlMs) => replace(claim, () => true, { reply, expiresAt: Date.now() + ttlMs }),
    abandon: (claim) => replace(claim, () => true, { expiresAt: 0 }),
  };
};
