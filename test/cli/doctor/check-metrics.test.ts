import { describe, expect, test } from "vitest";
import { checkMetrics } from "../../../src/cli/doctor/check-metrics.ts";
import { createFlame } from "../../../src/index.ts";
import { serve } from "./diagnosis.ts";

describe("checkMetrics", () => {
  const serveMetrics = (text: string | Promise<string>, type: string): Promise<string> =>
    serve(async (_request, response) => response.writeHead(200, { "content-type": type }).end(await text));

  const own = async (): Promise<{ readonly text: string; readonly type: string }> => {
    await using flame = createFlame({ mode: "local" });
    const ping = flame.fn("ping", async () => "pong");
    await ping();
    return { text: await flame.metrics(), type: flame.metrics.contentType };
  };

  test("passes for a parent with all metrics, and reports whether exemplars are on", async () => {
    const { text, type } = await own();
    const found = await checkMetrics(await serveMetrics(text, type), "parent");
    expect(found).toMatchObject({ status: "ok", seen: expect.stringContaining("exemplars are on") });
  });

  test.each([
    ["contain none of Firelight's", "up 1\n", "none of Firelight's metrics", "flame.metrics()"],
    [
      "are incomplete",
      "# TYPE rpc_client_call_duration_seconds histogram\n",
      "not all of Firelight's metrics",
      "same version",
    ],
    [
      "have exemplars in a content type without them",
      `a_bucket{le="1"} 1 # {trace_id="x"} 0.5\n`,
      "line 1: it has an exemplar",
      "contentType",
    ],
    ["are not metrics", "<html>", "line 1:", "contentType"],
  ])("fails for metrics that %s", async (_what, text, seen, fix) => {
    const url = await serveMetrics(text, "text/plain; version=0.0.4");
    expect(await checkMetrics(url, "parent")).toMatchObject({
      status: "failed",
      alert: "FlameMetricsAbsent",
      seen: expect.stringContaining(seen),
      fix: expect.stringContaining(fix),
    });
  });
});
