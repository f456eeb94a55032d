import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hasSdk } from "../../../src/cli/doctor/check-installation.ts";
import { checkSdk } from "../../../src/cli/doctor/check-sdk.ts";
import { folderWith } from "./diagnosis.ts";

describe("the OpenTelemetry SDK that is installed", () => {
  test("is started, and what it exports is received", async () => {
    expect(hasSdk(process.cwd())).toBe(true);
    expect(await checkSdk(process.cwd(), true)).toMatchObject({
      check: "OpenTelemetry SDK",
      status: "ok",
      seen: "firelight/otel recorded and exported a span and a log record",
    });
  });

  test("is not looked for where its packages are not", async () => {
    const project = folderWith({ "package.json": "{}" });
    expect(hasSdk(project)).toBe(false);
    expect(await checkSdk(project, false)).toMatchObject({ status: "skipped" });
  });

  test("fails where the code of the project has an API that does not see it", async () => {
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
