import { expect, test } from "vitest";
import { promqlNames } from "./promql.ts";

const metricsOf = (expr: string): ReadonlyArray<string> => promqlNames(expr).selectors.map(({ metric }) => metric);

test("selectors are found with their matchers, wherever they stand", () => {
  const { selectors, labels } = promqlNames(
    'histogram_quantile(0.95, sum by (le, pool) (rate(wait_bucket{job=~"a}.*", result!="x"}[5m:30s] offset 1m))) > bool 2 * limit',
  );
  expect(selectors).toEqual([
    { text: 'wait_bucket{job=~"a}.*", result!="x"}', metric: "wait_bucket", labels: ["job", "result"] },
    { text: "limit", metric: "limit", labels: [] },
  ]);
  expect(labels).toEqual(["le", "pool"]);
});

test("grouping behind an operator, recorded names and sets", () => {
  const expr = `a:b:rate5m / on (pool) group_left (kind) sum(c) without (x)
    and ignoring(y) d unless absent(e) or vector(1) # f`;
  expect(metricsOf(expr)).toEqual(["a:b:rate5m", "c", "d", "e"]);
  expect(promqlNames(expr).labels).toEqual(["pool", "kind", "x", "y"]);
});

test("a selector without a name in front has it among its matchers", () => {
  expect(promqlNames('rate({__name__=~"spans(_total)?", job="a"}[5m])').selectors).toEqual([
    { text: '{__name__=~"spans(_total)?", job="a"}', metric: "spans(_total)?", labels: ["job"] },
  ]);
});

test("functions that write labels name them", () => {
  expect(promqlNames('label_replace(sum(a) by (b), "to", "$1", "from", "(.*),")').labels).toEqual(["to", "from", "b"]);
  expect(promqlNames('count_values("v", a)').labels).toEqual(["v"]);
});

test("words and times are no series", () => {
  expect(metricsOf("a @ end() + b @ 1609746000 - 1.5e3 > NaN and predict_linear(c[30m], 3600) < +Inf")).toEqual([
    "a",
    "b",
    "c",
  ]);
});

test("what cannot be read is an error", () => {
  expect(() => promqlNames('sum(a{b="c)')).toThrow("no PromQL");
  expect(() => promqlNames("sum(a")).not.toThrow();
  expect(() => promqlNames('{job="a"}')).toThrow("without a metric's name");
});
