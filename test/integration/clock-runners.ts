/** Runner processes whose clocks tests can move. */
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { type RuntimeName, runtimes } from "../harness/runtimes.ts";
import { startProcess, type StartedProcess } from "../harness/start-process.ts";

export const secret = "a secret of the tests of clocks";
export const second = 1_000;
export const hour = 3_600 * second;

const entry = fileURLToPath(new URL("./fixtures/clock-runner.ts", import.meta.url));

export interface Runner extends StartedProcess {
  readonly id: string | undefined;
  readonly url: string;
  readonly port: number;
}

export interface RunnerStart {
  /** Default: the runtime of the tests. */
  readonly runtime?: RuntimeName;
  readonly id?: string;
  readonly port?: number;
  readonly env?: Readonly<Record<string, string>>;
}

const bootRunner = async (
  { runtime, id, port = 0, env = {} }: RunnerStart,
  ended: (end: () => Promise<void>) => void,
): Promise<Runner> => {
  const runner = await startProcess({
    command: [runtime === undefined ? process.execPath : runtimes[runtime], entry],
    env: {
      FLAME_MODE: "runner",
      FLAME_RUNNER_ID: id,
      FLAME_SECRET: secret,
      FLAME_HOST: "127.0.0.1",
      FLAME_PORT: String(port),
      ...env,
    },
  });
  ended(async () => runner[Symbol.asyncDispose]());
  const [, url] = await runner.waitForOutput(/^ready (\S+)$/m);
  return Object.assign(runner, { id, url: url!, port: Number(new URL(url!).port) });
};

/** Starts a runner for one test. */
export const startRunner = (start: RunnerStart = {}): Promise<Runner> => bootRunner(start, onTestFinished);

/** Starts runners that the tests of a block share. Each test must restore the clocks. */
export const shareRunners = <A>(boot: (start: (start: RunnerStart) => Promise<Runner>) => Promise<A>): (() => A) => {
  const ends: Array<() => Promise<void>> = [];
  let shared: A;
  beforeAll(async () => {
    shared = await boot((start) => bootRunner(start, (end) => void ends.push(end)));
  });
  afterAll(() => Promise.all(ends.map((end) => end())));
  return () => shared;
};
