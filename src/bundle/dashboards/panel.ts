/** Options and settings shared by all kinds of panels. */
import {
  type DynamicConfigValue,
  FieldColorModeId,
  type FieldConfigSource,
  type MatcherConfig,
  type Panel,
} from "@grafana/grafana-foundation-sdk/dashboard";
import type { SeriesColors } from "./colors.ts";
import type { Link } from "./links.ts";
import { datasourceOf, type Query } from "./queries.ts";
import { type Levels, neutral } from "./thresholds.ts";

export interface PanelOptions {
  readonly title: string;
  /** What the panel shows, what is normal, and which alert watches it. */
  readonly description: string;
  readonly queries: ReadonlyArray<Query>;
  /** Grafana's name for the unit, such as `s`, `reqps` or `percentunit`. */
  readonly unit?: string;
  readonly levels?: Levels;
  /** Links in the panel's header. */
  readonly links?: ReadonlyArray<Link>;
  /** Links on values. */
  readonly valueLinks?: ReadonlyArray<Link>;
  /** Text shown without data, if that is expected. */
  readonly nothing?: string;
  /** Fixed colors by series name. */
  readonly colors?: SeriesColors;
  readonly decimals?: number;
  readonly min?: number;
  readonly max?: number;
}

export type Override = FieldConfigSource["overrides"][number];

export const override = (
  id: "byName" | "byRegexp" | "byFrameRefID",
  options: string,
  ...properties: ReadonlyArray<DynamicConfigValue>
): Override => {
  const matcher: MatcherConfig = { id, options };
  return { matcher, properties: [...properties] };
};

export const fixedColor = (color: string): DynamicConfigValue => ({
  id: "color",
  value: { mode: FieldColorModeId.Fixed, fixedColor: color },
});

/** Applies the options that do not depend on the kind of panel. */
export const complete = (
  panel: Panel,
  options: PanelOptions,
  overrides: ReadonlyArray<Override> = [],
  kind: Parameters<typeof datasourceOf>[0] = "prometheus",
): Panel => {
  const { title, description, queries, unit, levels = neutral, links = [], valueLinks = [], nothing } = options;
  const byName = Object.entries(options.colors ?? {}).map(([name, color]) =>
    override("byName", name, fixedColor(color)),
  );
  return {
    ...panel,
    title,
    description,
    datasource: datasourceOf(kind),
    targets: queries.map((query, index) => query(String.fromCodePoint(65 + index))),
    ...(links.length === 0 ? undefined : { links: links as Panel["links"] }),
    fieldConfig: {
      defaults: {
        ...panel.fieldConfig?.defaults,
        ...(unit === undefined ? undefined : { unit }),
        ...(options.decimals === undefined ? undefined : { decimals: options.decimals }),
        ...(options.min === undefined ? undefined : { min: options.min }),
        ...(options.max === undefined ? undefined : { max: options.max }),
        ...(nothing === undefined ? undefined : { noValue: nothing }),
        thresholds: levels.config,
        ...(valueLinks.length === 0 ? undefined : { links: valueLinks as Panel["links"] }),
      },
      overrides: [...byName, ...overrides],
    },
  };
};
