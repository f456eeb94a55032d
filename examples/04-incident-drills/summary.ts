/** What a drill came to, in numbers: `out/results.json` has one for each, for programs that read on. */
import type { DrillResult } from "./drill-run.ts";

export interface DrillSummary {
  readonly drill: string;
  readonly alert: string;
  readonly severity: string | undefined;
  /** Milliseconds from the fault to the alert, and to Alertmanager's message; `undefined` when it did not come. */
  readonly firedAfterMs: number | undefined;
  readonly toldAfterMs: number | undefined;
  /** What Alertmanager's message said, by annotation. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Alerts that fired as well: those that may, and those that must not. */
  readonly allowed: ReadonlyArray<string>;
  readonly strays: ReadonlyArray<string>;
  readonly panels: ReadonlyArray<{
    readonly dashboard: string;
    readonly panel: string;
    readonly before: number;
    readonly during: number;
    readonly moved: boolean;
  }>;
  /** The cause, as telemetry told it. */
  readonly cause: string | undefined;
  readonly asPromised: boolean;
}

/** The numbers of a result. */
export const summaryOf = (result: DrillResult): DrillSummary => {
  const { program, brokenAtMs, expected, allowed, strays, panels, told, asPromised } = result;
  const since = (atMs: number | undefined): number | undefined => (atMs === undefined ? undefined : atMs - brokenAtMs);
  return {
    drill: program.drill.name,
    alert: program.drill.alert,
    severity: expected?.severity,
    firedAfterMs: since(expected?.firingAtMs),
    toldAfterMs: since(expected?.toldAtMs),
    annotations: expected?.told?.annotations ?? {},
    allowed: allowed.map(({ name }) => name),
    strays: strays.map(({ name }) => name),
    panels: panels.map(({ panel, before, during, moved }) => ({
      dashboard: panel.dashboard,
      panel: panel.panel,
      before,
      during,
      moved,
    })),
    cause: told?.cause,
    asPromised,
  };
};
