import { describe, expect, test } from "vitest";
import { checkMetrics } from "../../../src/cli/doctor/check-metrics.ts";
import { createFlame } from "../../../src/index.ts";
import { serve } from "./diagnosis.ts";

describe("the metrics of a parent", () => {
  const serveMetrics = (text: string | Promise<string>, type: string): Promise<string> =>
    serve(async (_request, response) => response.writeHead(200, { "content-type": type }).end(await text));

  const own = async (): Promise<{ readonly text: string; readonly type: string }> => {
    await using flame = createFlame({ mode: "local" });
    const ping = flame.fn("ping", async () => "pong");
    await ping();
    return { text: await flame.metrics(), type: flame.metrics.contentType };
  };

  test("pass when all of them are there, and tell whether exemplars are on", async () => {
    const { text, type } = await own();
    const found = await checkMetrics(await serveMetrics(text, type), "parent");
    expect(found).toMatchObject({ status: "ok", seen: expect.stringContaining("exemplars are on") });
  });

  test.each([
    ["are none of Firelight's", "up 1\n", "none of Firelight's metrics", "flame.metrics()"],
    [
      "lack some",
      "# TYPE rpc_client_call_duration_seconds histogram\n",
      "not all of Firelight's metrics",
      "same version",
    ],
    [
      "have exemplars that their content-type does not",
      `a_bucket{le="1"} 1 # {trace_id="x"} 0.5\n`,
      "line 1: it has an exemplar",
      "contentType",
    ],
    ["cannot be read", "<html>", "line 1:", "contentType"],
  ])("fail when they %s", async (_what, text, seen, fix) => {
    const url = await serveMetrics(text, "text/plain; version=0.0.4");
    expect(await checkMetrics(url, "parent")).toMatchObject({
      status: "failed",
      alert: "FlameMetricsAbsent",
      seen: expect.stringContaining(seen),
      fix: expect.stringContaining(fix),
    });
  });
});
