/** Prints the result of each drill, and the table at the end. */
import { type Finding, printFindings } from "../shared/findings.ts";
import { heading, print, styled, width } from "../shared/terminal.ts";
import type { SeenAlert } from "./alerts.ts";
import type { DrillResult } from "./drill-run.ts";
import { sparkline } from "./sparkline.ts";
import { withUnit } from "./unit-text.ts";

const labelWidth = 8;
const sparkWidth = 48;

const row = (label: string, text: string): void => print(`${styled("dim", label.padEnd(labelWidth))}${text}`);

const seconds = (fromMs: number, atMs: number | undefined): string =>
  atMs === undefined ? "never" : `after ${Math.round((atMs - fromMs) / 1_000)} s`;

const mark = (good: boolean): string => (good ? styled("green", "✓") : styled("red", "✗"));

const printAlert = ({ program: { drill }, brokenAtMs, expected, fired }: DrillResult): void => {
  if (expected === undefined) return row("alert", `${mark(false)} ${drill.alert} was not even pending`);
  const { severity, pendingAtMs, firingAtMs, toldAtMs, told } = expected;
  row(
    "alert",
    `${mark(fired)} ${styled("bold", drill.alert)} (${severity}): pending ${seconds(brokenAtMs, pendingAtMs)}, fires ${seconds(brokenAtMs, firingAtMs)}, notified by Alertmanager ${seconds(brokenAtMs, toldAtMs)}`,
  );
  if (told === undefined) return;
  const { summary, description, runbook_url: runbook, dashboard_url: dashboard } = told.annotations;
  for (const line of [summary, description, `runbook ${runbook}`, `dashboard ${dashboard}`]) row("", `  ${line}`);
};

const names = (alerts: ReadonlyArray<SeenAlert>): string =>
  alerts.map(({ name, severity }) => `${name} (${severity})`).join(", ");

const printOthers = ({ allowed, strays }: DrillResult): void => {
  if (allowed.length > 0) row("also", `  ${names(allowed)}, which this fault may cause`);
  if (strays.length > 0) row("also", `${mark(false)} ${names(strays)}, which must not fire`);
};

const printPanels = ({ panels }: DrillResult): void => {
  panels.forEach((view, index) => {
    const { panel, dashboard, unit, before, during, moved } = view;
    row(
      index === 0 ? "panels" : "",
      `${mark(moved)} ${dashboard}, ${panel.panel}: ${withUnit(before, unit)} → ${withUnit(during, unit)}`,
    );
    row("", `  ${styled("cyan", sparkline(view, sparkWidth))}`);
  });
};

/** The part of the text that shows the call: up to the second empty line. */
const gist = (text: string): ReadonlyArray<string> => text.trimEnd().split("\n\n").slice(0, 2).join("\n\n").split("\n");

const printTold = ({ told }: DrillResult): void => {
  row("cause", told === undefined ? `${mark(false)} no trace told it` : `${mark(true)} ${told.cause}`);
  if (told === undefined) return;
  for (const line of gist(told.text)) print(line === "" ? "" : `  ${line.slice(0, width)}`);
};

/** Prints the result of a drill. */
export const printDrill = (result: DrillResult): void => {
  heading(result.program.drill.title, result.program.drill.name);
  row("fault", result.program.drill.fault);
  printAlert(result);
  printOthers(result);
  printPanels(result);
  printTold(result);
};

const finding = (result: DrillResult): Finding => {
  const { program, brokenAtMs, expected, panels, strays, allowed, told } = result;
  const moved = panels.filter((panel) => panel.moved).length;
  const alert = `${program.drill.alert} fires ${seconds(brokenAtMs, expected?.firingAtMs)}`;
  const others =
    strays.length > 0
      ? `and so did ${names(strays)}`
      : `no other page${allowed.length > 0 ? `, ${allowed.length} allowed` : ""}`;
  return [
    result.asPromised,
    program.drill.name,
    `${alert}; ${others}; ${moved} of ${panels.length} panels moved; cause ${told === undefined ? "not told" : "told"}`,
  ];
};

/** Prints the table. `false` when something was not as promised. */
export const printTable = (results: ReadonlyArray<DrillResult>, took: string): boolean => {
  heading(`${results.filter(({ asPromised }) => asPromised).length} of ${results.length} drills as promised`, took);
  return printFindings(results.map(finding));
};
