import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hasSdk } from "../../../src/cli/doctor/check-installation.ts";
import { checkSdk } from "../../../src/cli/doctor/check-sdk.ts";
import { folderWith } from "./diagnosis.ts";

describe("checkSdk", () => {
  test("starts the installed SDK and receives its spans and log records", async () => {
    expect(hasSdk(process.cwd())).toBe(true);
    expect(await checkSdk(process.cwd(), true)).toMatchObject({
      check: "OpenTelemetry SDK",
      status: "ok",
      seen: "firelight/otel recorded and exported a span and a log record",
    });
  });

  test("is skipped if the SDK's packages are not installed", async () => {
    const project = folderWith({ "package.json": "{}" });
    expect(hasSdk(project)).toBe(false);
    expect(await checkSdk(project, false)).toMatchObject({ status: "skipped" });
  });

  test("fails if the project's copy of the API does not use the SDK", async () => {
    const project = folderWith({ "package.json": "{}" });
    const copy = join(project, "node_modules/@opentelemetry/api");
    cpSync(join(process.cwd(), "node_modules/@opentelemetry/api"), copy, { recursive: true });
    const version = join(copy, "build/src/version.js");
    writeFileSync(version, readFileSync(version, "utf8").replace(/VERSION = '.*?'/, "VERSION = '1.99.0'"));
    expect(await checkSdk(project, true)).toMatchObject({
      status: "failed",
      seen: expect.stringContaining("did not record or export a span of your code"),
      fix: expect.stringContaining("npm ls @opentelemetry/api"),
    });
  });
});
