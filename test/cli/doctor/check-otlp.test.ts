import { describe, expect, test } from "vitest";
import { checkOtlp } from "../../../src/cli/doctor/check-otlp.ts";
import { startReceiver } from "../../otel/otlp-receiver.ts";
import { serve } from "./diagnosis.ts";

describe("checkOtlp", () => {
  test("sends an empty export to the receiver, as protobuf or JSON", async () => {
    await using receiver = await startReceiver();
    expect(await checkOtlp(receiver.url, {})).toMatchObject({
      status: "ok",
      seen: `${receiver.url}/v1/traces accepts http/protobuf`,
    });
    expect(receiver.paths).toEqual(["/v1/traces"]);
    expect(receiver.spans).toEqual([]);
    const types: Array<string | undefined> = [];
    const url = await serve((request, response) => {
      types.push(request.headers["content-type"], request.headers.authorization);
      response.end("{}");
    });
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: `${url}/`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20abc",
    };
    expect((await checkOtlp(undefined, env)).status).toBe("ok");
    expect(types).toEqual(["application/json", "Bearer abc"]);
  });

  test.each([
    [404, "/v1/traces is appended to it"],
    [401, "OTEL_EXPORTER_OTLP_HEADERS"],
    [415, "OTEL_EXPORTER_OTLP_PROTOCOL"],
    [503, "receiver's log"],
  ])("fails with a fix for status %d", async (status, fix) => {
    const url = await serve((_request, response) => response.writeHead(status).end("no"));
    expect(await checkOtlp(url, {})).toMatchObject({ status: "failed", fix: expect.stringContaining(fix) });
  });

  test("fails with a hint for gRPC's port and for the gRPC protocol", async () => {
    expect((await checkOtlp("http://collector.invalid:4317", {})).fix).toContain("usually 4318");
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector.invalid", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" };
    expect((await checkOtlp(undefined, env)).seen).toContain("firelight/otel does not support");
  });

  test("is skipped if no receiver is configured", async () => {
    expect((await checkOtlp(undefined, {})).status).toBe("skipped");
  });
});
