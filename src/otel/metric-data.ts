/**
 * Metrics in the shape of OpenTelemetry's SDK, with separate types: the SDK's types would tie the declarations of this
 * package to one generation of it. The data fits both generations.
 */
import type { Attributes, HrTime, ValueType } from "@opentelemetry/api";

/** The SDK's `AggregationTemporality`. */
export const aggregationTemporalities = { delta: 0, cumulative: 1 } as const;

/** The SDK's `DataPointType`. */
export const dataPointTypes = { histogram: 0, gauge: 2, sum: 3 } as const;

/** The time range of a data point. */
export interface Times {
  /** Start of the measurement. */
  readonly startTime: HrTime;
  /** Time of the collection. */
  readonly endTime: HrTime;
}

/** One data point of a series. */
export interface DataPoint<Value> extends Times {
  /** The attributes of the series. */
  readonly attributes: Attributes;
  /** The measured value. */
  readonly value: Value;
}

/** The value of a histogram's data point. */
export interface HistogramValue {
  /** The buckets. */
  readonly buckets: {
    /** Upper bounds of all buckets but the last. */
    readonly boundaries: Array<number>;
    /** Observations per bucket. */
    readonly counts: Array<number>;
  };
  /** Sum of the observations. */
  readonly sum: number;
  /** Number of observations. */
  readonly count: number;
}

/** What all metrics have. */
export interface MetricBase {
  /** The instrument. */
  readonly descriptor: {
    /** The metric's name. */
    readonly name: string;
    /** What it measures. */
    readonly description: string;
    /** The unit, in UCUM notation. */
    readonly unit: string;
    /** Integers or floating-point numbers. */
    readonly valueType: ValueType;
  };
  /** 0 for delta, 1 for cumulative. */
  readonly aggregationTemporality: 0 | 1;
}

/** One metric with its points. */
export type MetricData =
  | (MetricBase & {
      /** A sum. */
      readonly dataPointType: 3;
      /** Whether it never decreases: a counter. */
      readonly isMonotonic: boolean;
      /** One per series. */
      readonly dataPoints: Array<DataPoint<number>>;
    })
  | (MetricBase & {
      /** A gauge. */
      readonly dataPointType: 2;
      /** One per series. */
      readonly dataPoints: Array<DataPoint<number>>;
    })
  | (MetricBase & {
      /** A histogram. */
      readonly dataPointType: 0;
      /** One per series. */
      readonly dataPoints: Array<DataPoint<HistogramValue>>;
    });

/** A resource without attributes; the metric reader replaces it with its own. */
export interface EmptyResource {
  /** No attributes. */
  readonly attributes: Attributes;
  /**
   * Returns the other resource.
   *
   * @param other the resource to merge with
   */
  merge<Other>(other: Other): NonNullable<Other>;
  /** No attributes. */
  getRawAttributes(): [];
}

/** The result of a collection, as a metric reader expects it. */
export interface CollectionResult {
  /** The metrics, with their resource. */
  readonly resourceMetrics: {
    /** The resource. */
    readonly resource: EmptyResource;
    /** The metrics, by instrumentation scope. */
    readonly scopeMetrics: Array<{
      /** The scope. */
      readonly scope: {
        /** The scope's name. */
        readonly name: string;
      };
      /** The metrics of the scope. */
      readonly metrics: Array<MetricData>;
    }>;
  };
  /** Errors of the collection. */
  readonly errors: Array<unknown>;
}

/** See {@link EmptyResource}. */
export const emptyResource: EmptyResource = {
  attributes: {},
  merge: <Other>(other: Other) => (other ?? emptyResource) as NonNullable<Other>,
  getRawAttributes: () => [],
};
