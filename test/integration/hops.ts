/** Runner processes that call each other, each by the address of the next. */
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { flame } from "../../src/index.ts";
import { startProcess } from "../harness/start-process.ts";
import { notes, silent } from "./setup.ts";

const entry = fileURLToPath(new URL("./fixtures/hop-runner.ts", import.meta.url));
const secret = "a secret of the hops only";

/** What handlers noted: a word, the runner, the id of the call, and the time in milliseconds since 1970. */
export interface HopNote {
  readonly word: string;
  readonly level: string;
  readonly id: string;
  readonly at: number;
}

export interface Hops {
  noted(word: string, level?: string): ReadonlyArray<HopNote>;
}

const startHop = async (env: Readonly<Record<string, string>>): Promise<string> => {
  const runner = await startProcess({
    command: [process.execPath, entry],
    env: { ...env, FLAME_MODE: "runner", FLAME_SECRET: secret, FLAME_HOST: "127.0.0.1", FLAME_PORT: "0" },
  });
  onTestFinished(() => runner[Symbol.asyncDispose]());
  const [, url] = await runner.waitForOutput(/^ready (\S+)$/m);
  return url!;
};

/**
 * Starts a runner for each level, and a parent of the first. Each calls the next one through its pool `next`, which has
 * `slots` slots on each runner; a level named twice is two runners.
 */
export const startHops = async (
  levels: ReadonlyArray<string>,
  slots = 16,
  more: Readonly<Record<string, string>> = {},
): Promise<Hops> => {
  const { file, lines } = notes();
  let next: ReadonlyArray<string> = [];
  for (const level of [...new Set(levels)].toReversed()) {
    const env = {
      ...more,
      HOP_LEVEL: level,
      HOP_NOTES: file,
      HOP_SLOTS: String(slots),
      ...(next.length === 0 ? {} : { HOP_NEXT: next.join(" ") }),
    };
    next = await Promise.all(levels.filter((other) => other === level).map(() => startHop(env)));
  }
  onTestFinished(() => flame.shutdown());
  await flame.configure({
    mode: "parent",
    logger: silent,
    security: { secret },
    pools: { default: { runners: next.map((url) => ({ url })), maxConcurrency: 1_000 } },
  });
  return {
    noted: (word, level) =>
      lines()
        .map((line) => line.split(" "))
        .map(([noted = "", at = "", id = "", ms]) => ({ word: noted, level: at, id, at: Number(ms) }))
        .filter((entry) => entry.word === word && (level === undefined || entry.level === level)),
  };
};
