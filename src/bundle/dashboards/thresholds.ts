/** Thresholds of values, as the steps that color a panel. */
import { type Threshold, ThresholdsMode, type ThresholdsConfig } from "@grafana/grafana-foundation-sdk/dashboard";
import { colors } from "./colors.ts";

/** The levels of a panel. A panel with alert levels shows them as lines. */
export interface Levels {
  readonly config: ThresholdsConfig;
  /** Whether an alert fires beyond one of them. */
  readonly alerting: boolean;
}

const config = (base: string, steps: ReadonlyArray<Threshold>): ThresholdsConfig => ({
  mode: ThresholdsMode.Absolute,
  steps: [{ value: null, color: base }, ...steps],
});

/** No value is good or bad by itself. */
export const neutral: Levels = { config: config(colors.work, []), alerting: false };

/** Healthy up to the value at which an alert fires, optionally with a warning level below it. */
export const alertFrom = (value: number, worthALook?: number): Levels => ({
  config: config(colors.ok, [
    ...(worthALook === undefined ? [] : [{ value: worthALook, color: colors.waiting }]),
    { value, color: colors.error },
  ]),
  alerting: true,
});

/** An alert fires below the value. */
export const alertBelow = (value: number): Levels => ({
  config: config(colors.error, [{ value, color: colors.ok }]),
  alerting: true,
});

/** A warning from the value on, without an alert. */
export const lookFrom = (value: number, color: string = colors.waiting): Levels => ({
  config: config(colors.ok, [{ value, color }]),
  alerting: false,
});

/** Healthy between two values, a warning outside. */
export const rightWithin = (from: number, to: number): Levels => ({
  config: config(colors.waiting, [
    { value: from, color: colors.ok },
    { value: to, color: colors.waiting },
  ]),
  alerting: false,
});
