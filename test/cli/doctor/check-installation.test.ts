import { describe, expect, test } from "vitest";
import { checkInstallation } from "../../../src/cli/doctor/check-installation.ts";
import type { Finding } from "../../../src/cli/doctor/finding.ts";
import { folderWith } from "./diagnosis.ts";

const found = (folder: string, check: string): Finding | undefined =>
  checkInstallation(folder).find((finding) => finding.check === check);

describe("checkInstallation", () => {
  const manifest = (name: string, version: string): string => JSON.stringify({ name, version });

  test("fails for a second, older copy of OpenTelemetry's API", () => {
    const cwd = folderWith({
      "node_modules/@opentelemetry/api/package.json": manifest("@opentelemetry/api", "1.8.0"),
      "node_modules/@opentelemetry/sdk-node/package.json": manifest("@opentelemetry/sdk-node", "0.223.0"),
    });
    const finding = found(cwd, "OpenTelemetry API");
    expect(finding).toMatchObject({ status: "failed", alert: "FlameTelemetryLoss" });
    expect(finding!.seen).toMatch(/^1\.\d+\.\d+ for firelight, and 1\.8\.0 for your code, @opentelemetry\/sdk-node: /);
    expect(finding!.fix).toContain("npm dedupe");
  });

  test("passes for a second, newer copy of OpenTelemetry's API, and mentions it", () => {
    const cwd = folderWith({
      "node_modules/@opentelemetry/api/package.json": manifest("@opentelemetry/api", "1.99.0"),
    });
    expect(found(cwd, "OpenTelemetry API")).toMatchObject({
      status: "ok",
      seen: expect.stringContaining("1.99.0 for your code"),
    });
  });

  test("fails for two copies of firelight, with the folder and the dependents of each", () => {
    const cwd = folderWith({
      "package.json": JSON.stringify({ dependencies: { firelight: "^0.2.0", shop: "1.0.0" } }),
      "node_modules/firelight/package.json": manifest("firelight", "0.2.0"),
      "node_modules/shop/package.json": JSON.stringify({
        name: "shop",
        version: "1.0.0",
        dependencies: { till: "1.0.0" },
      }),
      "node_modules/till/package.json": JSON.stringify({
        name: "till",
        version: "1.3.0",
        dependencies: { firelight: "0.1.0" },
      }),
      "node_modules/till/node_modules/firelight/package.json": manifest("firelight", "0.1.0"),
    });
    const finding = found(cwd, "copies of firelight");
    expect(finding).toMatchObject({ status: "failed", fix: expect.stringContaining("npm dedupe") });
    expect(finding!.seen).toMatch(
      /^2 copies are installed: 0\.2\.0 in \S+\/node_modules\/firelight for your code; 0\.1\.0 in \S+\/till\/node_modules\/firelight for till 1\.3\.0\./,
    );
  });

  test("has no finding about copies of firelight if there is one that several packages use", () => {
    const cwd = folderWith({
      "package.json": JSON.stringify({ dependencies: { firelight: "^0.2.0", shop: "1.0.0" } }),
      "node_modules/firelight/package.json": manifest("firelight", "0.2.0"),
      "node_modules/shop/package.json": JSON.stringify({
        name: "shop",
        version: "1.0.0",
        peerDependencies: { firelight: "*" },
      }),
    });
    expect(found(cwd, "copies of firelight")).toBeUndefined();
  });

  test("fails for a peer dependency that is too old, with the command that fixes it", () => {
    const name = "@prometheus-io/client";
    const cwd = folderWith({ [`node_modules/${name}/package.json`]: manifest(name, "0.15.0") });
    expect(checkInstallation(cwd).filter(({ status }) => status === "failed")).toMatchObject([
      {
        check: "packages",
        seen: `${name} is 0.15.0, but Firelight supports >=0.16.0 <1`,
        fix: expect.stringContaining("npm i"),
      },
    ]);
  });

  test("passes for this project", () => {
    expect(checkInstallation(process.cwd()).map(({ status }) => status)).toEqual(["ok", "ok", "ok"]);
  });
});
