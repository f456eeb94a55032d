import { describe, expect, it } from "vitest";
import { startReceiver } from "../../otel/otlp-receiver.ts";
import { doctor, serve } from "./diagnosis.ts";

describe("where telemetry goes", () => {
  it("is asked with an empty export, as protobuf and as JSON", async () => {
    await using receiver = await startReceiver();
    const named = await doctor(["--otlp", receiver.url]);
    expect(named.of("OTLP")).toMatchObject({ verdict: "ok", seen: `${receiver.url}/v1/traces takes http/protobuf` });
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
    expect((await doctor([], { env })).of("OTLP")!.verdict).toBe("ok");
    expect(types).toEqual(["application/json", "Bearer abc"]);
  });

  it.each([
    [404, "/v1/traces is added to it"],
    [401, "OTEL_EXPORTER_OTLP_HEADERS"],
    [415, "OTEL_EXPORTER_OTLP_PROTOCOL"],
    [503, "receiver's log"],
  ])("fails when it answers %d", async (status, fix) => {
    const url = await serve((_request, response) => response.writeHead(status).end("no"));
    const { code, of } = await doctor(["--otlp", url]);
    expect(of("OTLP")).toMatchObject({ verdict: "failed", fix: expect.stringContaining(fix) });
    expect(code).toBe(1);
  });

  it("fails with a hint when the port is that of gRPC, and when the protocol is", async () => {
    const port = await doctor(["--otlp", "http://collector.invalid:4317"]);
    expect(port.of("OTLP")!.fix).toContain("usually 4318");
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector.invalid", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" };
    expect((await doctor([], { env })).of("OTLP")!.seen).toContain("firelight/otel does not speak");
  });

  it("is passed over when none is named", async () => {
    expect((await doctor([])).of("OTLP")!.verdict).toBe("skipped");
  });
});
