/** Prints the report of a call: the answer first, then the evidence. */
import { formatCount, formatDuration, formatWholePercent } from "../../contract/format-numbers.ts";
import { type Terminal, wrapped } from "../terminal.ts";
import type { AttemptReport } from "./attempts.ts";
import { printPhases, printTimeline } from "./print-timeline.ts";
import type { CallReport } from "./call-report.ts";
import type { Obstacle, WaitReport } from "./waits.ts";

const joined = (items: ReadonlyArray<string>): string => items.join(", ");

/** Summarizes the call in one sentence. */
export const headline = ({ method, durationMs, failure, attemptCount, coldStart }: CallReport): string => {
  const tries = formatCount(attemptCount, "attempt");
  if (failure === undefined) {
    const cold = coldStart === undefined ? "" : `; ${formatWholePercent(coldStart.share)} of it was a cold start`;
    return `${method} succeeded after ${formatDuration(durationMs)}; ${tries}${cold}`;
  }
  const { status, code, phase, retrySafety } = failure;
  const where = phase === undefined ? "" : ` in ${phase}`;
  const what = code === undefined ? status : `${status} (${code})`;
  const safe = `safe to retry: ${retrySafety.safe ? "yes" : "no"}, ${retrySafety.why}`;
  return `${method} failed after ${formatDuration(durationMs)}: ${what}${where}; ${tries}; ${safe}`;
};

const bytes = (size: number | undefined): string | undefined => {
  if (size === undefined) return undefined;
  return size < 10_000 ? `${size} B` : `${(size / 1_000).toFixed(0)} kB`;
};

const attemptLine = (attempt: AttemptReport): string => {
  const { number, kind, runnerId, address, durationMs, status, errorCode, executed, requestBytes, responseBytes } =
    attempt;
  const to =
    runnerId === undefined ? "in this process" : `on ${runnerId}${address === undefined ? "" : ` (${address})`}`;
  const code =
    errorCode === undefined ? "" : ` (${errorCode}${executed === undefined ? "" : `, executed: ${executed}`})`;
  const sizes = [bytes(requestBytes), bytes(responseBytes)].filter((size) => size !== undefined).join(" out, ");
  const moved = sizes === "" ? "" : `; ${sizes}${responseBytes === undefined ? " out" : " back"}`;
  return `${number}  ${kind} ${to}: ${status}${code} after ${formatDuration(durationMs)}${moved}`;
};

const missingText: Readonly<Record<NonNullable<AttemptReport["missing"]>, string>> = {
  lost: "no spans from the runner: it crashed or hung, or its spans were not exported",
  answered:
    "the runner responded, but its spans are missing: they were not exported, were exported elsewhere, or were lost with the runner",
};

const attemptNotes = (attempt: AttemptReport, shown: string | undefined): ReadonlyArray<string> =>
  [
    attempt.reason && `reason: ${attempt.reason}`,
    attempt.message !== shown && attempt.message,
    attempt.missing && missingText[attempt.missing],
    attempt.firstOfRunner && "the runner's first call",
    attempt.idempotency && attempt.idempotency !== "executed" && `idempotency key: ${attempt.idempotency}`,
    attempt.shownShiftMs !== 0 &&
      `the runner's clock is ${formatDuration(Math.abs(attempt.shownShiftMs))} ${attempt.shownShiftMs > 0 ? "ahead" : "behind"}; the timeline above uses the parent's clock, the recorded data is unchanged`,
  ].filter((note): note is string => typeof note === "string" && note !== "");

const obstacleText = (obstacle: Obstacle): string => {
  const { what, name, durationMs, overAfterMs, failed, bootPhases, traceId } = obstacle;
  if (what === "unknown") return `a span of trace ${traceId}, which is not in this data`;
  const took = formatDuration(durationMs ?? 0);
  if (what === "call")
    return `${name}, which held a slot: took ${took}, finished ${formatDuration(Math.max(0, overAfterMs ?? 0))} into the wait`;
  const steps = Object.entries(bootPhases).map(([step, ms]) => `${step} ${formatDuration(ms)}`);
  return `boot of ${name ?? "a runner"}: ${failed ? "failed after" : "took"} ${took}${steps.length === 0 ? "" : ` (${joined(steps)})`}`;
};

/** How a wait without a slot ended. */
const endings: Readonly<Record<string, string>> = {
  timeout: "timed out",
  canceled: "was canceled",
  rejected: "was rejected",
};

const waitLine = ({ result, source, durationMs, queueDepth, slotLimit }: WaitReport): string => {
  const target = source === "cold" ? "for a runner to boot" : "for a busy runner";
  const ended = result === "acquired" ? "" : `, then ${endings[result] ?? result}`;
  const before =
    queueDepth === undefined
      ? undefined
      : queueDepth === 0
        ? "first in line"
        : `${formatCount(queueDepth, "call")} ahead`;
  const limit = slotLimit === undefined ? undefined : `limit ${formatCount(slotLimit, "slot")}`;
  const pool = joined([before, limit].filter((part) => part !== undefined));
  return `waited ${formatDuration(durationMs)} ${target}${ended}${pool === "" ? "" : ` (${pool})`}:`;
};

interface Section {
  readonly title: string;
  readonly lines: ReadonlyArray<string>;
}

const waitSection = ({ waits, acquireSource }: CallReport): Section => ({
  title: "What it waited for",
  lines:
    waits.length === 0
      ? [acquireSource === undefined ? "nothing recorded in the trace" : "nothing: a slot was free"]
      : waits.flatMap((wait) => [
          wait.obstacles.length === 0 ? waitLine(wait).replace(/:$/, "") : waitLine(wait),
          ...wait.obstacles.map((obstacle) => `· ${obstacleText(obstacle)}`),
        ]),
});

const coldSection = ({ coldStart, durationMs }: CallReport): Section => ({
  title: "Cold start",
  lines:
    coldStart === undefined
      ? []
      : [
          `${formatDuration(coldStart.waitedMs)} of ${formatDuration(durationMs)}, ${formatWholePercent(coldStart.share)} of the call`,
        ],
});

const errorSection = ({ failure, attempts, firstError, refused, lostRunners }: CallReport): Section => {
  const shown = new Set([failure?.message, ...attempts.map(({ message }) => message)]);
  const lines = [
    ...(firstError === undefined
      ? []
      : [
          `${firstError.where} (${firstError.service}), ${formatDuration(firstError.afterMs)} into the call`,
          shown.has(firstError.message) ? "" : (firstError.message ?? ""),
          firstError.exception === undefined
            ? ""
            : `${firstError.exception.type ?? "thrown"}: ${firstError.exception.message ?? ""}`,
          ...(firstError.exception?.stack ?? "")
            .split("\n")
            .filter((line) => /^\s*at /.test(line))
            .slice(0, 4),
        ]),
    ...lostRunners,
    refused === undefined ? "" : `Not retried (${refused.obstacle}): ${refused.text}.`,
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

/** Prints the whole report. */
export const renderReport = (terminal: Terminal, report: CallReport): void => {
  const { failure, pool, invocationId, traceId, startedAt, deadlineMs, detached } = report;
  for (const line of wrapped(headline(report), terminal.columns, ""))
    terminal.line(terminal.style(["bold", failure === undefined ? "green" : "red"], line));
  const facts = [
    pool === undefined ? undefined : `pool ${pool}`,
    deadlineMs === undefined ? undefined : `deadline ${formatDuration(deadlineMs)}`,
    detached ? "detached" : undefined,
    startedAt,
    `trace ${traceId}`,
    invocationId === undefined ? undefined : `invocation ${invocationId}`,
  ].filter((fact) => fact !== undefined);
  for (const line of wrapped(joined(facts), terminal.columns, "")) terminal.line(terminal.style("dim", line));
  if (failure?.message !== undefined)
    for (const line of wrapped(failure.message, terminal.columns, "")) terminal.line(line);

  terminal.line();
  printTimeline(terminal, report);
  if (report.phases.length > 0) {
    terminal.line();
    terminal.line(terminal.style("bold", "Where the time went"));
    printPhases(terminal, report);
  }
  const attempts = report.attempts.flatMap((attempt) => [
    attemptLine(attempt),
    ...attemptNotes(attempt, failure?.message).map((note) => `· ${note}`),
  ]);
  printSection(terminal, { title: "Attempts", lines: attempts });
  for (const section of [waitSection, coldSection, errorSection, alertSection]) printSection(terminal, section(report));
};
