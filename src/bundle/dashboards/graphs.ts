/** Panels that show values over time: lines, stacks, bars, heatmaps, single numbers. */
import {
  BigValueColorMode,
  BigValueGraphMode,
  GraphDrawStyle,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  HeatmapCellLayout,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizOrientation,
  VizTooltipOptionsBuilder,
} from "@grafana/grafana-foundation-sdk/common";
import { PanelBuilder as BarGauge } from "@grafana/grafana-foundation-sdk/bargauge";
import { FieldColorModeId, type Panel } from "@grafana/grafana-foundation-sdk/dashboard";
import {
  HeatmapColorMode,
  HeatmapColorOptionsBuilder,
  HeatmapTooltipBuilder,
  PanelBuilder as Heatmap,
  RowsHeatmapOptionsBuilder,
  YAxisConfigBuilder,
} from "@grafana/grafana-foundation-sdk/heatmap";
import { PanelBuilder as Stat } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as TimeSeries } from "@grafana/grafana-foundation-sdk/timeseries";
import { complete, type PanelOptions } from "./panel.ts";

const timeSeries = ({ levels, colors }: PanelOptions, calcs: Array<string>): TimeSeries =>
  new TimeSeries()
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs(calcs),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
    .thresholdsStyle(
      new GraphThresholdsStyleConfigBuilder().mode(
        levels?.alerting === true ? GraphThresholdsStyleMode.Dashed : GraphThresholdsStyleMode.Off,
      ),
    )
    .showPoints(VisibilityMode.Auto)
    .lineWidth(colors === undefined ? 1 : 2)
    .axisSoftMin(0);

const byName = (panel: Panel): Panel => {
  const { defaults, overrides } = panel.fieldConfig ?? { defaults: {}, overrides: [] };
  return {
    ...panel,
    fieldConfig: { defaults: { ...defaults, color: { mode: FieldColorModeId.PaletteClassicByName } }, overrides },
  };
};

/** A line chart. A series has the same color on every dashboard, by its name. */
export const lines = (options: PanelOptions): Panel =>
  byName(complete(timeSeries(options, ["lastNotNull", "max"]).fillOpacity(5).build(), options));

/** A stacked area chart, for parts of a whole. */
export const stack = (options: PanelOptions): Panel =>
  byName(
    complete(
      timeSeries(options, ["lastNotNull", "max"])
        .fillOpacity(60)
        .stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group("A"))
        .build(),
      options,
    ),
  );

/**
 * A stacked bar chart of event counts. A bar covers at least five minutes: `$__rate_interval` is one scrape longer than
 * the step, and long steps keep the double counting small.
 */
export const bars = (options: PanelOptions): Panel =>
  byName(
    complete(
      timeSeries(options, ["sum", "max"])
        .interval("5m")
        .drawStyle(GraphDrawStyle.Bars)
        .fillOpacity(80)
        .stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group("A"))
        .build(),
      options,
    ),
  );

/** The current value over its history. The color shows whether the value is healthy. */
export const stat = (options: PanelOptions): Panel => {
  const panel = complete(
    new Stat()
      .graphMode(BigValueGraphMode.Area)
      .colorMode(BigValueColorMode.Value)
      .reduceOptions(new ReduceDataOptionsBuilder().calcs(["lastNotNull"]).fields("").values(false))
      .build(),
    options,
  );
  const { defaults, overrides } = panel.fieldConfig ?? { defaults: {}, overrides: [] };
  return {
    ...panel,
    fieldConfig: { defaults: { ...defaults, color: { mode: FieldColorModeId.Thresholds } }, overrides },
  };
};

/** A heatmap of a histogram over time, with exemplars. The unit is that of the bucket bounds. */
export const heatmap = (options: PanelOptions): Panel =>
  complete(
    new Heatmap()
      .calculate(false)
      .color(new HeatmapColorOptionsBuilder().mode(HeatmapColorMode.Scheme).scheme("Blues").exponent(0.5).steps(64))
      .yAxis(new YAxisConfigBuilder().unit(options.unit ?? "s"))
      .rowsFrame(new RowsHeatmapOptionsBuilder().layout(HeatmapCellLayout.Auto))
      .tooltip(new HeatmapTooltipBuilder().mode(TooltipDisplayMode.Single).yHistogram(true).showColorScale(true))
      .exemplarsColor("rgba(255,120,0,0.9)")
      .build(),
    { ...options, unit: "short" },
  );

/** A bar for each series, with its value over the time range. */
export const barGauge = (options: PanelOptions): Panel =>
  complete(
    new BarGauge()
      .orientation(VizOrientation.Horizontal)
      .reduceOptions(new ReduceDataOptionsBuilder().calcs(["lastNotNull"]).fields("").values(false))
      .build(),
    options,
  );
