/** Panels that list items: alerts, methods, traces, logs, services, text. */
import {
  LegendDisplayMode,
  LegendPlacement,
  LogsSortOrder,
  TableSortByFieldStateBuilder,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from "@grafana/grafana-foundation-sdk/common";
import { type DataTransformerConfig, MappingType, type Panel } from "@grafana/grafana-foundation-sdk/dashboard";
import { PanelBuilder as Logs } from "@grafana/grafana-foundation-sdk/logs";
import { PanelBuilder as NodeGraph } from "@grafana/grafana-foundation-sdk/nodegraph";
import { PanelBuilder as StateTimeline } from "@grafana/grafana-foundation-sdk/statetimeline";
import { PanelBuilder as Table } from "@grafana/grafana-foundation-sdk/table";
import { PanelBuilder as Text, TextMode } from "@grafana/grafana-foundation-sdk/text";
import { type Link, logsLink, traceLink } from "./links.ts";
import { complete, override, type Override, type PanelOptions } from "./panel.ts";
import { traceLogs } from "./search.ts";

/** A state of a timeline: its value, name and color. */
export interface State {
  readonly value: number;
  readonly text: string;
  readonly color: string;
}

/** States over time, one row per series. */
export const timeline = (
  options: PanelOptions,
  states: ReadonlyArray<State>,
  overrides: ReadonlyArray<Override> = [],
): Panel => {
  const panel = complete(
    new StateTimeline()
      .legend(
        new VizLegendOptionsBuilder()
          .displayMode(LegendDisplayMode.List)
          .placement(LegendPlacement.Bottom)
          .showLegend(false)
          .calcs([]),
      )
      .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Single))
      .showValue(VisibilityMode.Auto)
      .mergeValues(true)
      .fillOpacity(80)
      .build(),
    options,
    overrides,
  );
  const byValue = states.map(({ value, text, color }, index) => [String(value), { text, color, index }] as const);
  const { defaults, overrides: all } = panel.fieldConfig ?? { defaults: {}, overrides: [] };
  const mappings = [{ type: MappingType.ValueToText, options: Object.fromEntries(byValue) } as const];
  return { ...panel, fieldConfig: { defaults: { ...defaults, mappings }, overrides: all } };
};

/** A table, sorted by a column in descending order. */
export const table = (
  options: PanelOptions,
  sortBy: string,
  transformations: ReadonlyArray<DataTransformerConfig>,
  overrides: ReadonlyArray<Override>,
): Panel => ({
  ...complete(
    new Table().sortBy([new TableSortByFieldStateBuilder().displayName(sortBy).desc(true)]).build(),
    options,
    overrides,
  ),
  transformations: [...transformations],
});

/** The traces that a search finds. Each id links to the trace and its logs. */
export const traceList = (options: PanelOptions): Panel => {
  const idLinks: ReadonlyArray<Link> = [
    traceLink("Trace", "${__value.raw}"),
    logsLink("Logs of this trace", traceLogs("${__value.raw}")),
  ];
  return complete(
    new Table().build(),
    { unit: "none", ...options },
    [override("byName", "traceID", { id: "links", value: idLinks })],
    "tempo",
  );
};

/** The log records that a search finds, newest first. */
export const logList = (options: PanelOptions): Panel =>
  complete(
    new Logs().showTime(true).wrapLogMessage(true).enableLogDetails(true).sortOrder(LogsSortOrder.Descending).build(),
    options,
    [],
    "loki",
  );

/** A graph of nodes and edges. */
export const nodeGraph = (options: PanelOptions): Panel => complete(new NodeGraph().build(), options, [], "tempo");

/** Markdown text. */
export const text = (title: string, description: string, content: string): Panel =>
  new Text().title(title).description(description).mode(TextMode.Markdown).content(content).build();
