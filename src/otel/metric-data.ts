/**
 * Metrics in the shape of OpenTelemetry's SDK, with separate types: the SDK's types would tie the declarations of this
 * package to one generation of it. The data fits both generations.
 */
import type { Attributes, HrTime, ValueType } from "@opentelemetry/api";

/** The SDK's `AggregationTemporality`. */
export const aggregationTemporalities = { delta: 0, cumulative: 1 } as const;

/** The SDK's `DataPointType`. */
export const dataPointTypes = { histogram: 0, gauge: 2, sum: 3 } as const;

/** When a point began to be counted, and when it was read. */
export interface Times {
  readonly startTime: HrTime;
  readonly endTime: HrTime;
}

/** One series. */
export interface DataPoint<Value> extends Times {
  readonly attributes: Attributes;
  readonly value: Value;
}

/** The value of a histogram's point. */
export interface HistogramValue {
  readonly buckets: { readonly boundaries: Array<number>; readonly counts: Array<number> };
  readonly sum: number;
  readonly count: number;
}

export interface MetricBase {
  readonly descriptor: {
    readonly name: string;
    readonly description: string;
    readonly unit: string;
    readonly valueType: ValueType;
  };
  readonly aggregationTemporality: 0 | 1;
}

/** One metric with its points. */
export type MetricData =
  | (MetricBase & {
      readonly dataPointType: 3;
      readonly isMonotonic: boolean;
      readonly dataPoints: Array<DataPoint<number>>;
    })
  | (MetricBase & { readonly dataPointType: 2; readonly dataPoints: Array<DataPoint<number>> })
  | (MetricBase & { readonly dataPointType: 0; readonly dataPoints: Array<DataPoint<HistogramValue>> });

/** A resource without attributes; a metric reader puts its own in its place. */
export interface EmptyResource {
  readonly attributes: Attributes;
  merge<Other>(other: Other): NonNullable<Other>;
  getRawAttributes(): [];
}

/** What a metric reader gets from a producer. */
export interface CollectionResult {
  readonly resourceMetrics: {
    readonly resource: EmptyResource;
    readonly scopeMetrics: Array<{ readonly scope: { readonly name: string }; readonly metrics: Array<MetricData> }>;
  };
  readonly errors: Array<unknown>;
}

/** See {@link EmptyResource}. */
export const emptyResource: EmptyResource = {
  attributes: {},
  merge: <Other>(other: Other) => (other ?? emptyResource) as NonNullable<Other>,
  getRawAttributes: () => [],
};
