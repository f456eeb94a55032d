import { describe, expect, it } from "vitest";
import { doctor, folderWith } from "./diagnosis.ts";

describe("an installation", () => {
  const manifest = (name: string, version: string): string => JSON.stringify({ name, version });

  it("with a second, older copy of OpenTelemetry's API fails: its providers are not seen", async () => {
    const cwd = folderWith({
      "node_modules/@opentelemetry/api/package.json": manifest("@opentelemetry/api", "1.8.0"),
      "node_modules/@opentelemetry/sdk-node/package.json": manifest("@opentelemetry/sdk-node", "0.223.0"),
    });
    const { of } = await doctor([], { cwd });
    expect(of("OpenTelemetry API")).toMatchObject({ verdict: "failed", alert: "FlameTelemetryLoss" });
    expect(of("OpenTelemetry API")!.seen).toMatch(
      /^1\.\d+\.\d+ for firelight, and 1\.8\.0 for your code, @opentelemetry\/sdk-node: /,
    );
    expect(of("OpenTelemetry API")!.fix).toContain("npm dedupe");
  });

  it("with a second copy that is newer works, and is told of it", async () => {
    const cwd = folderWith({
      "node_modules/@opentelemetry/api/package.json": manifest("@opentelemetry/api", "1.99.0"),
    });
    expect((await doctor([], { cwd })).of("OpenTelemetry API")).toMatchObject({
      verdict: "ok",
      seen: expect.stringContaining("1.99.0 for your code"),
    });
  });

  it("with a peer that is too old fails, with the command that mends it", async () => {
    const name = "@prometheus-io/client";
    const cwd = folderWith({ [`node_modules/${name}/package.json`]: manifest(name, "0.15.0") });
    const { code, findings } = await doctor([], { cwd });
    expect(findings.filter(({ verdict }) => verdict === "failed")).toMatchObject([
      {
        check: "packages",
        seen: `${name} is 0.15.0, and Firelight is made for >=0.16.0 <1`,
        fix: expect.stringContaining("npm i"),
      },
    ]);
    expect(code).toBe(1);
  });

  it("of this project is in order", async () => {
    const { of } = await doctor([]);
    expect([of("runtime"), of("packages"), of("OpenTelemetry API")].map((finding) => finding?.verdict)).toEqual([
      "ok",
      "ok",
      "ok",
    ]);
  });
});
