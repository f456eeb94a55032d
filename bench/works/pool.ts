/**
 * The CPU time of an acquire with its release in the pool's state machine alone, by the number of runners and of waiting
 * calls. Prints JSON.
 */
import { reactive } from "../../dist/contract/config/scaling.js";
import type { LeaseKey, PoolCommand } from "../../dist/parent/pool/core/events.js";
import { PoolState } from "../../dist/parent/pool/core/state.js";
import { cpuMs } from "../harness/cpu.ts";
import { median } from "../harness/statistics.ts";

const runnerCounts = [10, 1_000];
const waitingCounts = [0, 100, 100_000];
const slotsPerRunner = 16;

/** The cost of one acquire with its release. */
export interface PoolCost {
  readonly runners: number;
  readonly waiting: number;
  readonly micros: number;
}

/** A pool at fixed runners: half of the slots are in use, or all of them with calls that wait. */
class Load {
  readonly #state: PoolState;
  readonly #held: Array<LeaseKey> = [];
  #oldest = 0;
  #calls = 0;

  constructor(runners: number, waiting: number) {
    const ids = Array.from({ length: runners }, (_, index) => `runner-${index}`);
    const bounds = {
      min: 0,
      max: runners,
      maxConcurrency: slotsPerRunner,
      maxQueue: Infinity,
      routing: "spread",
      scaling: reactive,
      idleShutdownMs: Infinity,
      minIdleShutdownMs: Infinity,
      maxCalls: Infinity,
      maxAgeMs: Infinity,
      maxRssBytes: Infinity,
      drainTimeoutMs: Infinity,
      panicThreshold: 0,
    } as const;
    this.#state = new PoolState(bounds, () => "unused", ids);
    const slots = runners * slotsPerRunner;
    const calls = waiting === 0 ? slots / 2 : slots + waiting;
    for (let call = 0; call < calls; call++) this.#acquire();
  }

  /** Releases the oldest slot and makes another call, so that the number of calls stays the same. */
  turn(): void {
    const key = this.#held[this.#oldest++]!;
    this.#take(this.#state.step({ _tag: "Release", key, heldMs: 1 }, 0));
    this.#acquire();
    if (this.#oldest < 100_000) return;
    this.#held.splice(0, this.#oldest);
    this.#oldest = 0;
  }

  #acquire(): void {
    const preference = { avoid: undefined, affinityKey: undefined };
    const waiterId = ++this.#calls;
    this.#take(this.#state.step({ _tag: "Acquire", waiterId, preference, remainingMs: Infinity }, 0));
  }

  #take(commands: ReadonlyArray<PoolCommand>): void {
    for (const command of commands) if (command._tag === "Grant") this.#held.push(command.key);
  }
}

const microsPerTurn = (load: Load, turns: number): number => {
  const before = cpuMs();
  for (let turn = 0; turn < turns; turn++) load.turn();
  return ((cpuMs() - before) * 1000) / turns;
};

const [rounds = 9, turns = 5_000] = process.argv.slice(2).map(Number);
const cases = runnerCounts.flatMap((runners) =>
  waitingCounts.map((waiting) => ({ runners, waiting, load: new Load(runners, waiting), micros: [] as Array<number> })),
);
for (const { load } of cases) microsPerTurn(load, turns * 2);
for (let round = 0; round < rounds; round++)
  for (const { load, micros } of cases) micros.push(microsPerTurn(load, turns));
const costs: ReadonlyArray<PoolCost> = cases.map(({ runners, waiting, micros }) => ({
  runners,
  waiting,
  micros: median(micros),
}));
console.log(JSON.stringify(costs));
