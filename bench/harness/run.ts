/** A run: starts contestants, measures them, and ends them. */
import type { Results } from "../goals.ts";
import type { Entry, RemoteWork, Runtime } from "./contestant.ts";
import { place } from "./machine.ts";
import { type ProgramName, runPrograms } from "./programs.ts";
import { type Measurement, measureRounds } from "./rounds.ts";
import { executableOf } from "./runtimes.ts";
import { Sides } from "./sides.ts";

export interface RunOptions {
  readonly runtime: Runtime;
  readonly contestants: ReadonlyArray<Entry>;
  readonly works: ReadonlyArray<RemoteWork>;
  readonly programs: ReadonlyArray<ProgramName>;
  readonly concurrency: ReadonlyArray<number>;
  readonly rounds: number;
  readonly sliceMs: number;
  readonly maxOthers: number;
  readonly tries: number;
  /** Firelight's transport. Default: Firelight's default. */
  readonly transport?: string;
  readonly onProgress?: (step: string) => void;
}

/** Large messages are measured at one concurrency. */
const concurrencyOf = (work: RemoteWork, given: ReadonlyArray<number>): ReadonlyArray<number> =>
  work === "rich" ? given.filter((concurrency) => concurrency === 16) : given;

export const run = async (options: RunOptions): Promise<Results> => {
  const { runtime, works } = options;
  const placement = place();
  const programs = await runPrograms(options.programs, runtime, placement, options.rounds);
  const running: Array<Sides> = [];
  const measurements: Array<Measurement> = [];
  try {
    if (works.length > 0)
      for (const entry of options.contestants)
        running.push(await Sides.start(entry, executableOf(runtime), placement, options.transport));
    for (const work of works)
      for (const concurrency of concurrencyOf(work, options.concurrency)) {
        options.onProgress?.(`measuring ${work}, ${concurrency} at a time …`);
        measurements.push(await measureRounds(running, { ...options, work, concurrency }));
      }
  } finally {
    for (const sides of running) sides.stop();
  }
  return { runtime, measurements, programs };
};
