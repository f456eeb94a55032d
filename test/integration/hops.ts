/** A chain of runner processes, each of which calls the next. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { flame } from "../../src/index.ts";
import { startProcess } from "../harness/start-process.ts";
import { notes, silent } from "./setup.ts";

const entry = fileURLToPath(new URL("./fixtures/hop-runner.ts", import.meta.url));
const secret = "a secret of the hops only";

/** An event recorded by a handler: its name, the runner's level, the id of the call, and the time in milliseconds since 1970. */
export interface HopNote {
  readonly word: string;
  readonly level: string;
  readonly id: string;
  readonly at: number;
}

export interface Hops {
  noted(word: string, level?: string): ReadonlyArray<HopNote>;
}

const startHop = async (env: Readonly<Record<string, string>>, ended: (end: () => Promise<void>) => void) => {
  const runner = await startProcess({
    command: [process.execPath, entry],
    env: { ...env, FLAME_MODE: "runner", FLAME_SECRET: secret, FLAME_HOST: "127.0.0.1", FLAME_PORT: "0" },
  });
  ended(async () => runner[Symbol.asyncDispose]());
  const [, url] = await runner.waitForOutput(/^ready (\S+)$/m);
  return url!;
};

/** Starts a runner for each level. Returns the addresses of the first level. */
const startLevels = async (
  levels: ReadonlyArray<string>,
  env: Readonly<Record<string, string>>,
  ended: (end: () => Promise<void>) => void,
): Promise<ReadonlyArray<string>> => {
  let next: ReadonlyArray<string> = [];
  for (const level of [...new Set(levels)].toReversed()) {
    const own = { ...env, HOP_LEVEL: level, ...(next.length === 0 ? {} : { HOP_NEXT: next.join(" ") }) };
    next = await Promise.all(levels.filter((other) => other === level).map(() => startHop(own, ended)));
  }
  return next;
};

/** Makes this process the parent of the first level. Events recorded earlier do not count. */
const connect = async (urls: ReadonlyArray<string>, lines: () => ReadonlyArray<string>): Promise<Hops> => {
  onTestFinished(() => flame.shutdown());
  await flame.configure({
    mode: "parent",
    logger: silent,
    security: { secret },
    pools: { default: { runners: urls.map((url) => ({ url })), maxConcurrency: 1_000 } },
  });
  const before = lines().length;
  return {
    noted: (word, level) =>
      lines()
        .slice(before)
        .map((line) => line.split(" "))
        .map(([noted = "", at = "", id = "", ms]) => ({ word: noted, level: at, id, at: Number(ms) }))
        .filter((entry) => entry.word === word && (level === undefined || entry.level === level)),
  };
};

/**
 * Starts a runner for each level, and a parent of the first. Each calls the next one through its pool `next`, which has
 * `slots` slots on each runner. A level that is listed twice has two runners.
 */
export const startHops = async (
  levels: ReadonlyArray<string>,
  slots = 16,
  more: Readonly<Record<string, string>> = {},
): Promise<Hops> => {
  const { file, lines } = notes();
  const env = { ...more, HOP_NOTES: file, HOP_SLOTS: String(slots) };
  return connect(await startLevels(levels, env, onTestFinished), lines);
};

/** Shares runners among the tests of a block. Each test creates its own parent and must leave no call running. */
export const shareHops = (levels: ReadonlyArray<string>): (() => Promise<Hops>) => {
  const folder = mkdtempSync(join(tmpdir(), "firelight-hops-"));
  const file = join(folder, "notes");
  writeFileSync(file, "");
  const ends: Array<() => Promise<void>> = [];
  let urls: ReadonlyArray<string> = [];
  beforeAll(async () => {
    urls = await startLevels(levels, { HOP_NOTES: file, HOP_SLOTS: "16" }, (end) => void ends.push(end));
  });
  afterAll(async () => {
    await Promise.all(ends.map((end) => end()));
    rmSync(folder, { recursive: true, force: true });
  });
  return () => connect(urls, () => readFileSync(file, "utf8").split("\n").filter(Boolean));
};
