import { describe, expect, test } from "vitest";
import { promqlWords, variablesIn } from "./promql-words.ts";

describe("words of PromQL", () => {
  test("tells metrics, labels and functions apart", () => {
    const { metrics, labels, functions } = promqlWords(
      'histogram_quantile(0.9, sum by (le, pool) (rate(a_bucket{x=~"b{c}", y!="d"}[5m]))) / on (pool) group_left (z) (sum(e) > 0) or vector(0)',
    );
    expect([...metrics]).toEqual(["a_bucket", "e"]);
    expect([...labels]).toEqual(["le", "pool", "x", "y", "z"]);
    expect([...functions]).toEqual(["histogram_quantile", "sum", "rate", "vector"]);
  });

  test("takes a name that is matched for the metric", () => {
    expect([...promqlWords('rate({__name__=~"a(_total)?", b="c"}[5m])').metrics]).toEqual(["a(_total)?"]);
  });

  test("finds variables in every spelling, and no numbers", () => {
    expect([...variablesIn("$a ${b} ${c:pipe} ${__field.labels.d} $1")]).toEqual(["a", "b", "c", "__field.labels.d"]);
  });
});
