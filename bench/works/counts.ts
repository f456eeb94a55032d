/**
 * Counts what one warm call makes on both sides, over Firelight's default transport with everything on: functions of
 * `dist` and fibers with `functions`, promises, timers and bytes allocated with `resources`. Runs on Node: `functions`
 * without an optimizing compiler, because inlined functions are not counted; `resources` with `--expose-gc` and a young
 * generation that is never full. Prints JSON.
 */
import { createHook } from "node:async_hooks";
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Counts, fewest, FunctionCounter, invocations } from "../../scripts/function-counts.ts";
import { contestant } from "../contestants/firelight.ts";
import type { Call } from "../harness/contestant.ts";
import { median } from "../harness/statistics.ts";

const root = join(import.meta.dirname, "../..");
const settings = { telemetry: "on" } as const;
const warmUpCalls = 1_500;
const batches = 5;
const callsPerBatch = 100;
const singleCalls = 25;

/** What one call makes on one side. */
export interface FunctionCounts {
  /** Distinct functions of the package. */
  readonly functions: number;
  /** Their invocations. */
  readonly invocations: number;
  readonly fibers: number;
}

export interface ResourceCounts {
  readonly promises: number;
  /** `setTimeout`, `setInterval` and `setImmediate`. */
  readonly timers: number;
  readonly bytes: number;
}

export interface BothSides<A> {
  readonly parent: A;
  readonly runner: A;
}

/** What the parent asks the runner for. */
type Question = "collect" | "totals" | "hook" | "cover" | "functions" | "fibers";

/** The counters of this process. */
class Counters {
  readonly #dist = new FunctionCounter(join(root, "dist"));
  readonly #effect = new FunctionCounter(join(root, "node_modules/effect/dist/internal"));
  #promises = 0;
  #timers = 0;
  readonly #hook = createHook({
    init: (_id, type) => {
      if (type === "PROMISE") this.#promises++;
      else if (type === "Timeout" || type === "Immediate") this.#timers++;
    },
  });

  async answer(question: Question): Promise<unknown> {
    switch (question) {
      case "collect":
        globalThis.gc?.();
        return this.#totals();
      case "totals":
        return this.#totals();
      case "hook":
        return void this.#hook.enable();
      case "cover":
        await this.#dist.start();
        return this.#effect.start();
      case "functions":
        return this.#dist.take();
      case "fibers":
        return invocations((await this.#effect.take()).filter(({ name }) => name === "FiberImpl"));
    }
  }

  #totals(): ResourceCounts {
    const bytes = process.memoryUsage().heapUsed;
    return { promises: this.#promises, timers: this.#timers, bytes };
  }
}

const serve = async (): Promise<void> => {
  const counters = new Counters();
  process.stdout.write(`${JSON.stringify(await contestant.serve(settings))}\n`);
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    void counters.answer(line as Question).then((answer) => {
      process.stdout.write(`${JSON.stringify(answer ?? null)}\n`);
    });
  });
  lines.on("close", () => process.exit(0));
};

class Runner {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor() {
    const args = [...process.execArgv, import.meta.filename, "serve"];
    this.#child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  async next<A>(): Promise<A> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error("The runner ended.");
    return JSON.parse(value) as A;
  }

  async answer(question: Question): Promise<unknown> {
    this.#child.stdin!.write(`${question}\n`);
    return this.next();
  }

  stop(): void {
    this.#child.kill();
  }
}

/** Both sides, warm. */
class Pair {
  readonly #counters = new Counters();
  readonly #runner: Runner;
  readonly #call: Call;

  private constructor(runner: Runner, call: Call) {
    this.#runner = runner;
    this.#call = call;
  }

  static async start(): Promise<Pair> {
    const runner = new Runner();
    const { call } = await contestant.connect(await runner.next<string>(), settings);
    return new Pair(runner, call!);
  }

  async ask<A>(question: Question): Promise<BothSides<A>> {
    const parent = (await this.#counters.answer(question)) as A;
    return { parent, runner: (await this.#runner.answer(question)) as A };
  }

  async calls(count: number): Promise<void> {
    for (let done = 0; done < count; done++) await this.#call();
  }

  stop(): void {
    this.#runner.stop();
  }
}

const bothSides = <A>(of: (side: "parent" | "runner") => A): BothSides<A> => ({
  parent: of("parent"),
  runner: of("runner"),
});

const countFunctions = async (pair: Pair): Promise<BothSides<FunctionCounts>> => {
  await pair.ask("cover");
  await pair.calls(callsPerBatch);
  await pair.ask("fibers");
  await pair.calls(callsPerBatch);
  const fibers = await pair.ask<number>("fibers");
  const functions: Array<BothSides<Counts>> = [];
  for (let count = 0; count < singleCalls; count++) {
    await pair.ask("functions");
    await pair.calls(1);
    functions.push(await pair.ask<Counts>("functions"));
  }
  return bothSides((side) => {
    const counted = fewest(functions.map((both) => both[side]));
    return {
      functions: counted.length,
      invocations: invocations(counted),
      fibers: Math.round(fibers[side] / callsPerBatch),
    };
  });
};

/** The median increases per call over some batches. */
const increases = async (pair: Pair): Promise<BothSides<ResourceCounts>> => {
  const readings: Array<readonly [before: BothSides<ResourceCounts>, after: BothSides<ResourceCounts>]> = [];
  for (let batch = 0; batch < batches; batch++) {
    const before = await pair.ask<ResourceCounts>("collect");
    await pair.calls(callsPerBatch);
    readings.push([before, await pair.ask<ResourceCounts>("totals")]);
  }
  return bothSides((side) => {
    const perCall = (total: keyof ResourceCounts): number =>
      Math.round(median(readings.map(([before, after]) => (after[side][total] - before[side][total]) / callsPerBatch)));
    return { promises: perCall("promises"), timers: perCall("timers"), bytes: perCall("bytes") };
  });
};

const countResources = async (pair: Pair): Promise<BothSides<ResourceCounts>> => {
  await pair.calls(warmUpCalls);
  const withoutHook = await increases(pair);
  await pair.ask("hook");
  await pair.calls(callsPerBatch);
  const withHook = await increases(pair);
  return bothSides((side) => ({ ...withHook[side], bytes: withoutHook[side].bytes }));
};

if (process.argv[2] === "serve") await serve();
else {
  const pair = await Pair.start();
  const counts = await (process.argv[2] === "functions" ? countFunctions(pair) : countResources(pair));
  pair.stop();
  process.stdout.write(`${JSON.stringify(counts)}\n`);
  process.exit(0);
}
