/** The ratios of a run that are compared with committed ones. */
import type { Results } from "../goals.ts";
import type { Expectation } from "./compare.ts";
import type { Measurement, Summary } from "./rounds.ts";

/** How far ratios may be from committed ones. CPU time per call depends less on other processes than a rate. */
const bands = { rate: 0.25, cpu: 0.3, program: 0.3, memory: 0.15, idleRunner: 0.35 };

const cpuMicros = ({ clientMicros, serverMicros }: Summary): number => clientMicros + serverMicros;

const ratiosOfCalls = ({ work, concurrency, summaries, loaded }: Measurement) => {
  const [bare, ...others] = summaries;
  return others.flatMap((summary): ReadonlyArray<readonly [string, Expectation]> => {
    const what = `${work}, ${concurrency} at a time, ${summary.id}`;
    const cpu = cpuMicros(summary) / cpuMicros(bare!);
    return [
      // One call at a time, CPU time depends on how often processors fall asleep, and so on the load.
      ...(loaded && concurrency === 1
        ? []
        : ([[`${what}: CPU time of bare`, { value: cpu, band: bands.cpu, better: "lower" }]] as const)),
      ...(loaded
        ? []
        : ([[`${what}: rate of bare`, { value: summary.ratio.median, band: bands.rate, better: "higher" }]] as const)),
    ];
  });
};

/** Returns the ratios by name, each with its usual noise. */
export const ratiosOf = ({
  measurements,
  programs: { local, memory, pool = [] },
}: Results): ReadonlyMap<string, Expectation> => {
  const program = (value: number, band: number): Expectation => ({ value, band, better: "lower" });
  const acquire = (runners: number): number | undefined =>
    pool.find((cost) => cost.runners === runners && cost.waiting === 0)?.micros;
  const [few, many] = [acquire(10), acquire(1_000)];
  return new Map([
    ...measurements.flatMap(ratiosOfCalls),
    ...(local
      ? [["local call, of the encoded call", program(local.localMicros / local.encodedMicros, bands.program)] as const]
      : []),
    ...(memory
      ? ([
          ["waiting call, bytes", program(memory.waitingCallBytes, bands.memory)],
          ["idle runner, bytes", program(memory.idleRunnerBytes, bands.idleRunner)],
        ] as const)
      : []),
    ...(few !== undefined && many !== undefined
      ? [["acquire at 1,000 runners, of 10", program(many / few, bands.program)] as const]
      : []),
  ]);
};
