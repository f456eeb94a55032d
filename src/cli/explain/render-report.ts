/** Prints the story of a call as a person would tell it: the answer first, then the evidence. */
import { duration, many, type Terminal, wrapped } from "../terminal.ts";
import type { AttemptStory } from "./attempts.ts";
import { printPhases, printTimeline } from "./print-timeline.ts";
import type { CallReport } from "./call-report.ts";
import type { Obstacle, WaitStory } from "./waits.ts";

const percent = (share: number): string => `${Math.round(share * 100)} %`;

const listed = (items: ReadonlyArray<string>): string => items.join(", ");

/** One sentence that answers the question. */
export const headline = ({ method, durationMs, failure, attemptCount, coldStart }: CallReport): string => {
  const tries = many(attemptCount, "attempt");
  if (failure === undefined) {
    const cold = coldStart === undefined ? "" : `; ${percent(coldStart.share)} of it was a cold start`;
    return `${method} succeeded after ${duration(durationMs)}; ${tries}${cold}`;
  }
  const { status, code, phase, retrySafety } = failure;
  const where = phase === undefined ? "" : ` in ${phase}`;
  const what = code === undefined ? status : `${status} (${code})`;
  const safe = `safe to retry: ${retrySafety.safe ? "yes" : "no"}, ${retrySafety.why}`;
  return `${method} failed after ${duration(durationMs)}: ${what}${where}; ${tries}; ${safe}`;
};

const bytes = (size: number | undefined): string | undefined => {
  if (size === undefined) return undefined;
  return size < 10_000 ? `${size} B` : `${(size / 1_000).toFixed(0)} kB`;
};

const attemptLine = (attempt: AttemptStory): string => {
  const { number, kind, runnerId, address, durationMs, status, errorCode, executed, requestBytes, responseBytes } =
    attempt;
  const to =
    runnerId === undefined ? "in this process" : `on ${runnerId}${address === undefined ? "" : ` (${address})`}`;
  const code =
    errorCode === undefined ? "" : ` (${errorCode}${executed === undefined ? "" : `, executed: ${executed}`})`;
  const sizes = [bytes(requestBytes), bytes(responseBytes)].filter((size) => size !== undefined).join(" out, ");
  const moved = sizes === "" ? "" : `; ${sizes}${responseBytes === undefined ? " out" : " back"}`;
  return `${number}  ${kind} ${to}: ${status}${code} after ${duration(durationMs)}${moved}`;
};

const missingText: Readonly<Record<NonNullable<AttemptStory["missing"]>, string>> = {
  lost: "nothing of the runner is below it: the runner died or hung, or its spans were not exported",
  answered: "the runner answered, and its spans are not here: they were not exported, or elsewhere, or died with it",
};

const attemptNotes = (attempt: AttemptStory, said: string | undefined): ReadonlyArray<string> =>
  [
    attempt.reason && `made because of: ${attempt.reason}`,
    attempt.message !== said && attempt.message,
    attempt.missing && missingText[attempt.missing],
    attempt.firstOfRunner && "the first invocation of that runner",
    attempt.idempotency && attempt.idempotency !== "executed" && `its idempotency key: ${attempt.idempotency}`,
    attempt.shownShiftMs !== 0 &&
      `the runner's clock is ${duration(Math.abs(attempt.shownShiftMs))} ${attempt.shownShiftMs > 0 ? "ahead" : "behind"}; its bars above are drawn by the parent's clock, and nothing recorded was changed`,
  ].filter((note): note is string => typeof note === "string" && note !== "");

const obstacleText = (obstacle: Obstacle): string => {
  const { what, name, durationMs, overAfterMs, failed, bootPhases, traceId } = obstacle;
  if (what === "unknown") return `something in the trace ${traceId}, whose spans are not in this data`;
  const took = duration(durationMs ?? 0);
  if (what === "call")
    return `${name}, which held a slot; it took ${took} and was over ${duration(Math.max(0, overAfterMs ?? 0))} into the wait`;
  const steps = Object.entries(bootPhases).map(([step, ms]) => `${step} ${duration(ms)}`);
  return `the boot of ${name ?? "a runner"}, which ${failed ? "failed after" : "took"} ${took}${steps.length === 0 ? "" : ` (${listed(steps)})`}`;
};

const waitLine = ({ result, source, durationMs, queueDepth, slotLimit }: WaitStory): string => {
  const forWhat = source === "cold" ? "for a runner to boot" : "for a busy runner";
  const ended = result === "acquired" ? "" : `, in vain (${result})`;
  const before =
    queueDepth === undefined ? undefined : queueDepth === 0 ? "first in line" : `${many(queueDepth, "call")} before it`;
  const limit = slotLimit === undefined ? undefined : `${many(slotLimit, "slot")} at most`;
  const pool = listed([before, limit].filter((part) => part !== undefined));
  return `${duration(durationMs)} ${forWhat}${ended}${pool === "" ? "" : ` (${pool})`}, waiting for:`;
};

interface Section {
  readonly title: string;
  readonly lines: ReadonlyArray<string>;
}

const waitSection = ({ waits, acquireSource }: CallReport): Section => ({
  title: "What it waited for",
  lines:
    waits.length === 0
      ? [acquireSource === undefined ? "nothing that the trace knows of" : "nothing: a slot was free at once"]
      : waits.flatMap((wait) => [
          wait.obstacles.length === 0 ? waitLine(wait).replace(/, waiting for:$/, "") : waitLine(wait),
          ...wait.obstacles.map((obstacle) => `· ${obstacleText(obstacle)}`),
        ]),
});

const coldSection = ({ coldStart, durationMs }: CallReport): Section => ({
  title: "Cold start",
  lines:
    coldStart === undefined
      ? []
      : [`${duration(coldStart.waitedMs)} of ${duration(durationMs)}, ${percent(coldStart.share)} of the call`],
});

const errorSection = ({ failure, attempts, firstError, refused, lostRunners }: CallReport): Section => {
  const said = new Set([failure?.message, ...attempts.map(({ message }) => message)]);
  const lines = [
    ...(firstError === undefined
      ? []
      : [
          `${firstError.where} (${firstError.service}), ${duration(firstError.afterMs)} into the call`,
          said.has(firstError.message) ? "" : (firstError.message ?? ""),
          firstError.exception === undefined
            ? ""
            : `${firstError.exception.type ?? "thrown"}: ${firstError.exception.message ?? ""}`,
          ...(firstError.exception?.stack ?? "")
            .split("\n")
            .filter((line) => /^\s*at /.test(line))
            .slice(0, 4),
        ]),
    ...lostRunners,
    refused === undefined ? "" : `It was not tried again (${refused.obstacle}): ${refused.text}.`,
  ].filter((line) => line !== "");
  return { title: "What went wrong first", lines };
};

const alertSection = ({ alerts }: CallReport): Section => ({
  title: "Nearest alert",
  lines: alerts.map(({ alert, because, runbook }) => `${alert}: ${because}. ${runbook}`),
});

const printSection = (terminal: Terminal, { title, lines }: Section): void => {
  if (lines.length === 0) return;
  terminal.line();
  terminal.line(terminal.style("bold", title));
  for (const line of lines) {
    const indent = line.startsWith("· ") ? "    " : "  ";
    for (const part of wrapped(line, terminal.columns, indent, `${indent}  `)) terminal.line(part);
  }
};

/** Prints all of it. */
export const renderReport = (terminal: Terminal, story: CallReport): void => {
  const { failure, pool, invocationId, traceId, startedAt, deadlineMs, detached } = story;
  for (const line of wrapped(headline(story), terminal.columns, ""))
    terminal.line(terminal.style(["bold", failure === undefined ? "green" : "red"], line));
  const facts = [
    pool === undefined ? undefined : `pool ${pool}`,
    deadlineMs === undefined ? undefined : `had ${duration(deadlineMs)}`,
    detached ? "detached" : undefined,
    startedAt,
    `trace ${traceId}`,
    invocationId === undefined ? undefined : `invocation ${invocationId}`,
  ].filter((fact) => fact !== undefined);
  for (const line of wrapped(listed(facts), terminal.columns, "")) terminal.line(terminal.style("dim", line));
  if (failure?.message !== undefined)
    for (const line of wrapped(failure.message, terminal.columns, "")) terminal.line(line);

  terminal.line();
  printTimeline(terminal, story);
  if (story.phases.length > 0) {
    terminal.line();
    terminal.line(terminal.style("bold", "Where the time went"));
    printPhases(terminal, story);
  }
  const attempts = story.attempts.flatMap((attempt) => [
    attemptLine(attempt),
    ...attemptNotes(attempt, failure?.message).map((note) => `· ${note}`),
  ]);
  printSection(terminal, { title: "Attempts", lines: attempts });
  for (const section of [waitSection, coldSection, errorSection, alertSection]) printSection(terminal, section(story));
};
