/** One drill, from the fault to its end: what was promised of it, and what was seen. */
import { setTimeout as sleep } from "node:timers/promises";
import { metrics } from "firelight/catalog";
import { readRules, type WrittenRule } from "../../test/stack/harness/rule-files.ts";
import type { AlertWatch, SeenAlert } from "./alerts.ts";
import type { Drill } from "./drill.ts";
import { askDoctor, findClue, hasTelemetry, tellClue } from "./explained.ts";
import { type PanelView, viewPanel } from "./panels.ts";
import type { DrillProgram } from "./program-process.ts";
import { ruleFiles, type Stack } from "./stack.ts";

/** What a drill showed while its fault lasted. */
export interface DrillRun {
  readonly program: DrillProgram;
  readonly brokenAtMs: number;
  readonly panels: ReadonlyArray<PanelView>;
  /** The cause, as telemetry told it; `undefined` when it did not. */
  readonly told: Told | undefined;
}

/** The result of a run. */
export interface DrillResult extends DrillRun {
  /** The alert that must fire, as far as it came. */
  readonly expected: SeenAlert | undefined;
  /** Whether it fired and Alertmanager sent it. */
  readonly fired: boolean;
  /** All other alerts that fired: those that may, and those that must not. */
  readonly allowed: ReadonlyArray<SeenAlert>;
  readonly strays: ReadonlyArray<SeenAlert>;
  /** Whether everything was as promised. */
  readonly asPromised: boolean;
}

export interface Told {
  readonly cause: string;
  /** What the command printed that told it. */
  readonly text: string;
}

const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };

/** A duration of a rule, such as `2m`, in milliseconds. */
const milliseconds = (written: string): number => {
  const [, count, unit] = /^(\d+)([smh])$/.exec(written) ?? [];
  return Number(count) * units[unit!]!;
};

const rules: ReadonlyArray<WrittenRule> = ruleFiles.flatMap(readRules);

/** How long a drill's alert must be true before it fires. */
export const holdMs = ({ alert }: Drill): number => milliseconds(rules.find((rule) => rule.alert === alert)!.for!);

/** What an alert may take to become true, and to be sent. */
const graceMs = 240_000;
const lookEveryMs = 4_000;

/** Telemetry is asked by one drill at a time: the drills have to share a machine. */
let asking: Promise<unknown> = Promise.resolve();
const inTurn = <A>(ask: () => Promise<A>): Promise<A> => {
  const answer = asking.then(ask);
  asking = answer.catch(() => undefined);
  return answer;
};

/** Calls that the metrics have counted of late. */
const countCalls = async ({ jobs }: DrillProgram, { prometheus }: Stack): Promise<number> => {
  const counted = jobs.map((job) => `${metrics.callDuration.name}_count{job="${job}"}`).join(" or ");
  const [sum] = await prometheus.query(`sum(increase((${counted})[30s:1s]))`);
  return Math.round(sum?.samples[0]?.value ?? 0);
};

const findCause = async (program: DrillProgram, stack: Stack): Promise<Told | undefined> => {
  const { drill, telemetry } = program;
  const { clue } = drill;
  if ("seen" in clue) {
    const calls = await countCalls(program, stack);
    const diagnosis = await askDoctor(program.otlpUrl);
    if (calls === 0 || hasTelemetry(telemetry) || diagnosis?.alert !== drill.alert || !clue.seen.test(diagnosis.seen))
      return undefined;
    const { check, seen, fix } = diagnosis;
    return {
      cause: `${calls} calls in the last 30 s, and not one trace; firelight doctor says why`,
      text: `✗ ${check}: ${seen}\n  ${fix}`,
    };
  }
  const found = await findClue(telemetry, clue);
  if (found === undefined || !found.report.alerts.some(({ alert }) => alert === drill.alert)) return undefined;
  return { cause: found.cause, text: await tellClue(telemetry, found) };
};

const expectedOf = ({ drill, jobs }: DrillProgram, watch: AlertWatch): SeenAlert | undefined =>
  watch.of(jobs).find(({ name }) => name === drill.alert);

const hasCome = (alert: SeenAlert | undefined): boolean =>
  alert?.firingAtMs !== undefined && alert.toldAtMs !== undefined;

/** Breaks the program and waits until everything promised was seen, or the time for it is over. The fault stays. */
export const runDrill = async (program: DrillProgram, stack: Stack, watch: AlertWatch): Promise<DrillRun> => {
  const { drill, jobs } = program;
  await program.order("break");
  program.forgetTraces();
  const brokenAtMs = Date.now();
  const untilMs = brokenAtMs + holdMs(drill) + graceMs;
  const look = (): Promise<ReadonlyArray<PanelView>> =>
    Promise.all(drill.panels.map((panel) => viewPanel(stack.prometheus, panel, jobs, brokenAtMs)));

  let told: Told | undefined;
  let panels = await look();
  while (Date.now() < untilMs) {
    told ??= await inTurn(() => findCause(program, stack));
    panels = await look();
    if (told !== undefined && panels.every(({ moved }) => moved) && hasCome(expectedOf(program, watch))) break;
    await sleep(lookEveryMs);
  }
  return { program, brokenAtMs, panels, told };
};

/** Evaluates a run by all alerts seen since its start. */
export const evaluate = (run: DrillRun, watch: AlertWatch): DrillResult => {
  const { drill, jobs } = run.program;
  const expected = expectedOf(run.program, watch);
  const others = watch.of(jobs).filter(({ firingAtMs, name }) => firingAtMs !== undefined && name !== drill.alert);
  const mayFire = ({ name, severity }: SeenAlert): boolean =>
    severity !== "page" && drill.mayFire.some((allowed) => allowed === name);
  const strays = others.filter((alert) => !mayFire(alert));
  const fired = hasCome(expected);
  const moved = run.panels.every((panel) => panel.moved);
  return {
    ...run,
    expected,
    fired,
    allowed: others.filter(mayFire),
    strays,
    asPromised: fired && moved && strays.length === 0 && run.told !== undefined,
  };
};
