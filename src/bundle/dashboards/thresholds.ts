/** Where a value begins to be trouble, as the steps that panels color by. */
import { type Threshold, ThresholdsMode, type ThresholdsConfig } from "@grafana/grafana-foundation-sdk/dashboard";
import { colors } from "./colors.ts";

/** Levels of a panel. A panel with alerting levels draws them as lines. */
export interface Levels {
  readonly config: ThresholdsConfig;
  /** An alert fires beyond one of them. */
  readonly alerting: boolean;
}

const config = (base: string, steps: ReadonlyArray<Threshold>): ThresholdsConfig => ({
  mode: ThresholdsMode.Absolute,
  steps: [{ value: null, color: base }, ...steps],
});

/** No value of it is good or bad by itself. */
export const neutral: Levels = { config: config(colors.work, []), alerting: false };

/** Good up to a value at which an alert fires, and perhaps one that is worth a look before. */
export const alertFrom = (value: number, worthALook?: number): Levels => ({
  config: config(colors.ok, [
    ...(worthALook === undefined ? [] : [{ value: worthALook, color: colors.waiting }]),
    { value, color: colors.error },
  ]),
  alerting: true,
});

/** Bad below a value at which an alert fires. */
export const alertBelow = (value: number): Levels => ({
  config: config(colors.error, [{ value, color: colors.ok }]),
  alerting: true,
});

/** Worth a look from a value on, without an alert. */
export const lookFrom = (value: number, color: string = colors.waiting): Levels => ({
  config: config(colors.ok, [{ value, color }]),
  alerting: false,
});

/** Right within two values, worth a look outside. */
export const rightWithin = (from: number, to: number): Levels => ({
  config: config(colors.waiting, [
    { value: from, color: colors.ok },
    { value: to, color: colors.waiting },
  ]),
  alerting: false,
});
