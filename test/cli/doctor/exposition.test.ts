import { describe, expect, test } from "vitest";
import { readExposition } from "../../../src/cli/doctor/exposition.ts";
import { createFlame } from "../../../src/index.ts";

const openMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";

describe("readExposition", () => {
  test("reads the metrics of an instance", async () => {
    await using flame = createFlame({ mode: "local" });
    const ping = flame.fn("ping", async () => `"quotes" and \\`);
    await ping();
    const found = readExposition(await flame.metrics(), flame.metrics.contentType);
    expect(found).toMatchObject({ format: "OpenMetrics", exemplars: 0 });
    if ("problem" in found) throw new Error(found.problem);
    expect(found.samples).toBeGreaterThan(20);
    expect(found.families).toContain("rpc_client_call_duration_seconds");
  });

  test.each([
    [
      "text",
      "text/plain; version=0.0.4",
      `# a comment\n# TYPE a counter\na{b="c \\"d\\" }"} 1e3 1700000000000\nb +Inf\n`,
      2,
      0,
    ],
    ["exemplars", openMetrics, `# TYPE a counter\na_total 1 # {trace_id="x"} 0.5 1700000000.1\n# EOF\n`, 1, 1],
  ])("counts samples and exemplars of %s", (_case, type, text, samples, exemplars) => {
    expect(readExposition(text, type)).toMatchObject({ samples, exemplars });
  });

  test.each([
    ["a page of HTML", "text/plain", "<html>", 1, "is not a sample"],
    ["an invalid value", "text/plain", "a 1\nb {} x\n", 2, "is not a sample"],
    ["exemplars in a format without them", "text/plain", `a_bucket{le="1"} 1 # {trace_id="x"} 0.5\n`, 1, "an exemplar"],
    ["OpenMetrics without # EOF", openMetrics, "a 1\n", 2, "# EOF is missing"],
  ])("rejects %s with the line", (_case, type, text, line, problem) => {
    expect(readExposition(text, type)).toEqual({ line, problem: expect.stringContaining(problem) });
  });
});
