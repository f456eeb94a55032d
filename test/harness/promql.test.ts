import { describe, expect, test } from "vitest";
import { promqlNames } from "./promql.ts";

const metricsOf = (expr: string): ReadonlyArray<string> => promqlNames(expr).selectors.map(({ metric }) => metric);

describe("promqlNames", () => {
  test("finds selectors with their matchers, ranges and functions", () => {
    const { selectors, labels, functions } = promqlNames(
      'histogram_quantile(0.95, sum by (le, pool) (rate(wait_bucket{job=~"a}.*", result!="x"}[5m:30s] offset 1m))) > bool 2 * limit + rate(b{c="d"}[5m])',
    );
    expect(selectors).toEqual([
      {
        text: 'wait_bucket{job=~"a}.*", result!="x"}',
        metric: "wait_bucket",
        matchers: [
          { label: "job", operator: "=~", value: "a}.*" },
          { label: "result", operator: "!=", value: "x" },
        ],
        range: undefined,
        function: undefined,
      },
      { text: "limit", metric: "limit", matchers: [], range: undefined, function: undefined },
      {
        text: 'b{c="d"}',
        metric: "b",
        matchers: [{ label: "c", operator: "=", value: "d" }],
        range: "5m",
        function: "rate",
      },
    ]);
    expect(labels).toEqual(["le", "pool"]);
    expect(functions).toEqual(["histogram_quantile", "sum", "rate", "rate"]);
  });

  test("finds grouping labels after operators, recorded metrics, and operands of set operators", () => {
    const expr = `a:b:rate5m / on (pool) group_left (kind) sum(c) without (x)
      and ignoring(y) d unless absent(e) or vector(1) # f`;
    expect(metricsOf(expr)).toEqual(["a:b:rate5m", "c", "d", "e"]);
    expect(promqlNames(expr).labels.toSorted()).toEqual(["kind", "pool", "x", "y"]);
  });

  test("reads the metric from a __name__ matcher or a quoted name", () => {
    const [selector] = promqlNames('rate({__name__=~"spans(_total)?", job="a"}[5m])').selectors;
    expect(selector).toMatchObject({
      text: '{__name__=~"spans(_total)?", job="a"}',
      metric: "spans(_total)?",
      matchers: [{ label: "job", operator: "=", value: "a" }],
    });
    expect(metricsOf('{"my.metric", job="a"}')).toEqual(["my.metric"]);
  });

  test("distinguishes labels that functions create from those that they read", () => {
    expect(promqlNames('label_replace(sum(a) by (b), "to", "$1", "from", "(.*),")')).toMatchObject({
      labels: ["b", "from"],
      createdLabels: ["to"],
    });
    expect(promqlNames('label_replace(a, "to", "fixed", "", "")')).toMatchObject({ labels: [], createdLabels: ["to"] });
    expect(promqlNames('label_join(a, "to", "-", "b", "c")')).toMatchObject({
      labels: ["b", "c"],
      createdLabels: ["to"],
    });
    expect(promqlNames('count_values("v", a)')).toMatchObject({ labels: [], createdLabels: ["v"] });
  });

  test("does not report keywords and timestamps as metrics", () => {
    expect(metricsOf("a @ end() + b @ 1609746000 - 1.5e3 > NaN and predict_linear(c[30m], 3600) < +Inf")).toEqual([
      "a",
      "b",
      "c",
    ]);
  });

  test("accepts Grafana's variables as durations", () => {
    const [selector] = promqlNames('rate(a{b=~"$b"}[$__rate_interval])').selectors;
    expect(selector).toMatchObject({ range: "$__rate_interval", matchers: [{ label: "b", value: "$b" }] });
  });

  test.each(['sum(a{b="c)', "sum(a", "a b", "rate(a[5x])", "no_such_function(a)", "rate(a[$other])", ""])(
    "rejects %s",
    (expr) => {
      expect(() => promqlNames(expr)).toThrow("Invalid PromQL");
    },
  );

  test("rejects a selector without a metric name", () => {
    expect(() => promqlNames('{job="a"}')).toThrow("without a metric name");
  });
});
