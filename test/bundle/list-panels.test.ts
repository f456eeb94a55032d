import { describe, expect, test } from "vitest";
import { annotationQueriesOf, panelsOf, variableQueriesOf } from "../../src/bundle/list-panels.ts";
import { asking, parse, shippedTexts } from "./shipped.ts";

const texts = [...shippedTexts().values()];
const pools = texts.find((text) => parse(text).uid === "firelight-pools")!;

describe("panelsOf", () => {
  test("lists every panel that has queries", () => {
    for (const text of texts)
      expect(panelsOf(text).map(({ title }) => title)).toEqual(asking(parse(text)).map(({ title }) => title));
  });

  test("includes panels in collapsed rows", () => {
    const dashboard = parse(pools);
    const collapsed = { ...dashboard, panels: [{ id: 9, type: "row", title: "Row", panels: dashboard.panels }] };
    expect(panelsOf(JSON.stringify(collapsed))).toEqual(panelsOf(pools));
  });

  test("returns the language and the options of each query", () => {
    const all = texts.flatMap(panelsOf).flatMap(({ targets }) => targets);
    expect(new Set(all.map(({ language }) => language))).toEqual(
      new Set(["promql", "traceql", "logql", "service_map"]),
    );
    for (const { language, query } of all) expect(query === "").toBe(language === "service_map");
    const saturation = panelsOf(pools).find(({ title }) => title === "Saturation");
    expect(saturation).toMatchObject({
      dashboard: "firelight-pools",
      type: "timeseries",
      unit: "percentunit",
      targets: [{ refId: "A", language: "promql", legend: "{{flame_pool_name}}", instant: false, exemplars: false }],
    });
  });

  test("has counterparts for the queries of variables and annotations", () => {
    expect(variableQueriesOf(pools).map(({ refId }) => refId)).toEqual(["job", "instance", "pool"]);
    expect(variableQueriesOf(pools)[0]?.query).toBe("label_values(rpc_client_call_duration_seconds_count, job)");
    expect(annotationQueriesOf(pools).map(({ refId }) => refId)).toEqual(["Firing alerts"]);
  });
});
