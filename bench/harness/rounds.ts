/**
 * Measures contestants in interleaved rounds: in a round each one makes calls for a short time, so that what changes on
 * the machine affects all of them. A round in which other processes used too much of the machine is dropped and
 * repeated.
 */
import type { RemoteWork } from "./contestant.ts";
import { watchOthers } from "./machine.ts";
import type { BothSides, Sides } from "./sides.ts";
import { median, type Spread, spreadOf } from "./statistics.ts";

export interface RoundOptions {
  readonly work: RemoteWork;
  readonly concurrency: number;
  /** Number of rounds to keep. */
  readonly rounds: number;
  /** Duration of a contestant's part of a round. */
  readonly sliceMs: number;
  /** Maximum share of the machine that others may use in a kept round. */
  readonly maxOthers: number;
  /** Maximum number of rounds, as a multiple of `rounds`. */
  readonly tries: number;
}

/** What a contestant reached. */
export interface Summary {
  readonly id: string;
  readonly name: string;
  readonly callsPerSecond: Spread;
  /** Rate divided by that of the first contestant in the same round. */
  readonly ratio: Spread;
  /** CPU time per call of the client, over all rounds. */
  readonly clientMicros: number;
  readonly serverMicros: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
}

export interface Measurement {
  readonly work: RemoteWork;
  readonly concurrency: number;
  readonly summaries: ReadonlyArray<Summary>;
  /** Number of rounds that the summaries come from. */
  readonly used: number;
  /** Number of rounds made. */
  readonly made: number;
  /** Median share of the machine that others used in the used rounds; `undefined` if the system does not tell. */
  readonly others: number | undefined;
  /** Whether too few rounds were quiet, so that all of them were used. */
  readonly loaded: boolean;
}

interface Measured extends BothSides {
  readonly others: number | undefined;
}

type Round = ReadonlyMap<Sides, Measured>;

const measure = async (sides: Sides, { work, concurrency, sliceMs }: RoundOptions): Promise<Measured> => {
  const othersSince = watchOthers();
  const slice = await sides.slice(work, concurrency, sliceMs);
  return { ...slice, others: othersSince(slice.clientCpuMs + slice.serverCpuMs) };
};

const rate = ({ calls, elapsedMs }: Measured): number => (calls / elapsedMs) * 1000;

const sum = (slices: ReadonlyArray<Measured>, of: (slice: Measured) => number): number =>
  slices.reduce((total, slice) => total + of(slice), 0);

const summarize = (sides: Sides, first: Sides, rounds: ReadonlyArray<Round>): Summary => {
  const slices = rounds.map((round) => round.get(sides)!);
  const calls = sum(slices, (slice) => slice.calls);
  const micros = (cpuMs: (slice: Measured) => number): number => (sum(slices, cpuMs) * 1000) / calls;
  return {
    id: sides.entry.id,
    name: sides.entry.name,
    callsPerSecond: spreadOf(slices.map(rate)),
    ratio: spreadOf(rounds.map((round) => rate(round.get(sides)!) / rate(round.get(first)!))),
    clientMicros: micros(({ clientCpuMs }) => clientCpuMs),
    serverMicros: micros(({ serverCpuMs }) => serverCpuMs),
    p50Micros: median(slices.map(({ p50Ms }) => p50Ms * 1000)),
    p99Micros: median(slices.map(({ p99Ms }) => p99Ms * 1000)),
  };
};

const worst = (round: Round): number => Math.max(...[...round.values()].map(({ others }) => others ?? 0));

/** Fewer quiet rounds than this say less than all rounds together. */
const fewestQuiet = 3;

/**
 * Measures all contestants that do this work.
 *
 * @param contestants the first one is what the others are compared with
 */
export const measureRounds = async (contestants: ReadonlyArray<Sides>, options: RoundOptions): Promise<Measurement> => {
  const { work, concurrency, rounds, maxOthers, tries } = options;
  const taking = contestants.filter(({ entry }) => entry.works.includes(work));
  const warmUp = { ...options, sliceMs: options.sliceMs * 2 };
  for (const sides of taking) await measure(sides, warmUp);

  const all: Array<Round> = [];
  const quiet: Array<Round> = [];
  while (quiet.length < rounds && all.length < rounds * tries) {
    const round = new Map<Sides, Measured>();
    for (const sides of all.length % 2 === 0 ? taking : taking.toReversed())
      round.set(sides, await measure(sides, options));
    all.push(round);
    if (worst(round) <= maxOthers) quiet.push(round);
  }
  const loaded = quiet.length < Math.min(fewestQuiet, rounds);
  const used = loaded ? all : quiet;
  const others = used.flatMap((round) => [...round.values()].flatMap((slice) => slice.others ?? []));
  return {
    work,
    concurrency,
    summaries: taking.map((sides) => summarize(sides, taking[0]!, used)),
    used: used.length,
    made: all.length,
    others: others.length === 0 ? undefined : median(others),
    loaded,
  };
};
