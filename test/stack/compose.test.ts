/** The bundle's other files, checked by the programs that read them: Compose's loader, promtool and amtool. */
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const composeLoader = "github.com/compose-spec/compose-go/v2/cmd@v2.16.2";

/** Whether a program can be started. Throws if not and `FIRELIGHT_STACK=required`. */
const have = (program: string, argument: string): boolean => {
  if (spawnSync(program, [argument]).error === undefined) return true;
  const message = `${program} is not on the PATH.`;
  if (process.env["FIRELIGHT_STACK"] === "required") throw new Error(message);
  console.warn(`Some tests are skipped: ${message} FIRELIGHT_STACK=required makes this an error.`);
  return false;
};

const run = (program: string, args: ReadonlyArray<string>): string =>
  execFileSync(program, args, { cwd: root, encoding: "utf8", stdio: "pipe" });

describe.skipIf(!have("go", "version"))("the loader of Docker Compose", () => {
  test.each([
    [
      "docker-compose.yml",
      ["alertmanager", "collector", "grafana", "load", "loki", "prometheus", "shop", "stock-1", "stock-2", "tempo"],
    ],
    ["docker-compose.lgtm.yml", ["lgtm", "load", "shop"]],
  ])("accepts %s and finds its services", (file, services) => {
    const model = JSON.parse(run("go", ["run", composeLoader, "--format", "json", file])) as {
      readonly services: Readonly<Record<string, unknown>>;
    };
    expect(Object.keys(model.services).sort()).toEqual(services);
  });
});

describe.skipIf(!have("promtool", "--version"))("promtool", () => {
  test.each(["otel/prometheus.yaml", "otel/prometheus-lgtm.yaml"])("accepts %s and its rule files", (file) => {
    expect(run("promtool", ["check", "config", file])).toContain("SUCCESS");
  });
});

describe.skipIf(!have("amtool", "--version"))("amtool", () => {
  test("accepts otel/alertmanager.yaml", () => {
    expect(run("amtool", ["check-config", "otel/alertmanager.yaml"])).toContain("SUCCESS");
  });
});
