/** The installation instructions in clean projects, with each package manager and both generations of OpenTelemetry. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, inject, test } from "vitest";
import { startProcess } from "../harness/start-process.ts";
import { type RuntimeName, runtimes } from "../harness/runtimes.ts";
import { startReceiver } from "../otel/otlp-receiver.ts";
import { type CleanProject, cleanProject, type PackageManager } from "./harness/clean-project.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/getting-started.md"), "utf8");
const installSection = /^## Install$(.*?)^## /ms.exec(page)![1]!;

/** The packages of each `npm i` of the section, in order. */
const installs = [...installSection.matchAll(/npm i ([^`\n]+)/g)].map(([, packages]) => packages!.trim().split(" "));
const [basics = [], current = [], older = [], ...others] = installs;

const managers: ReadonlyArray<PackageManager> = ["npm", "pnpm", "bun"];
const runtimesOf: Readonly<Record<PackageManager, ReadonlyArray<RuntimeName>>> = {
  npm: ["node", "bun"],
  pnpm: ["node"],
  bun: ["bun"],
};

const install = (manager: PackageManager, ...commands: ReadonlyArray<ReadonlyArray<string>>): Promise<CleanProject> =>
  cleanProject(manager, commands, inject("tarball"), "otel-app");

/** Runs a parent that makes one call to its runner. Returns the telemetry that both exported. */
const callOnce = async (folder: string, runtime: RuntimeName) => {
  await using receiver = await startReceiver();
  await using parent = await startProcess({
    command: [runtimes[runtime], "parent.js"],
    cwd: folder,
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, NODE_OPTIONS: undefined },
  });
  const end = await parent.exited;
  expect(parent.output()).toContain("doubled: 42");
  expect(end).toEqual({ code: 0, signal: null });
  return receiver;
};

const expectOneTrace = async (folder: string, runtime: RuntimeName): Promise<void> => {
  const { spans, logs, metrics } = await callOnce(folder, runtime);
  const named = (name: string, kind?: string) =>
    spans.find((span) => span.name === name && (kind === undefined || span.kind === kind))!;
  const chain = [
    named("app"),
    named("work/double", "client"),
    named("flame.attempt"),
    named("work/double", "server"),
    named("flame.handler"),
  ];
  expect(chain.map((span) => span.traceId)).toEqual(chain.map(() => chain[0]!.traceId));
  expect(chain.slice(1).map((span) => span.parentSpanId)).toEqual(chain.slice(0, -1).map((span) => span.spanId));
  expect(chain.map((span) => span.resource["service.name"])).toEqual([
    "parent",
    "parent",
    "parent",
    "runner",
    "runner",
  ]);
  expect(logs).toContainEqual(expect.objectContaining({ body: "doubling", traceId: chain[0]!.traceId, flags: 1 }));
  expect(metrics.find(({ name }) => name === "rpc_client_call_duration_seconds")?.points[0]?.count).toBe(1);
};

/** The findings of `firelight doctor` about the installation. */
const doctorSays = async (folder: string, runtime: RuntimeName): Promise<Record<string, string>> => {
  const program = join(folder, "node_modules/firelight/dist/cli/main.js");
  await using doctor = await startProcess({ command: [runtimes[runtime], program, "doctor", "--json"], cwd: folder });
  await doctor.exited;
  const { sections } = JSON.parse(doctor.output()) as {
    sections: ReadonlyArray<{ title: string; findings: ReadonlyArray<{ check: string; status: string }> }>;
  };
  const { findings } = sections.find(({ title }) => title === "Installation")!;
  return Object.fromEntries(findings.map(({ check, status }) => [check, status]));
};

/** Messages of package managers about conflicting peer dependencies. */
const conflict = /ERESOLVE|peer dep|incorrect peer|unmet|conflict/i;

describe.each(managers)("with %s", (manager) => {
  describe.each([
    ["today's OpenTelemetry", current, "1.10."],
    ["OpenTelemetry 2.x", older, "1.9."],
  ])("and %s", (_, packages, api) => {
    test("the instructions install without conflicts, and one call exports one trace, logs and metrics", async () => {
      const { folder, said } = await install(manager, basics, [...packages, "prom-client"]);
      expect(said).not.toMatch(conflict);
      const manifest = join(folder, "node_modules/@opentelemetry/api/package.json");
      expect(JSON.parse(readFileSync(manifest, "utf8")).version).toMatch(api);
      for (const runtime of runtimesOf[manager]) {
        await expectOneTrace(folder, runtime);
        expect(await doctorSays(folder, runtime)).toMatchObject({
          packages: "ok",
          "OpenTelemetry API": "ok",
          "OpenTelemetry SDK": "ok",
        });
      }
    });
  });

  test("every other installation of the page installs without conflicts", async () => {
    for (const packages of others) expect((await install(manager, basics, packages)).said).not.toMatch(conflict);
  });
});

describe("in an application", () => {
  const apps = {
    "with today's SDK": ["@opentelemetry/api@1.10", "@opentelemetry/sdk-node@0.301", "@opentelemetry/sdk-metrics@3"],
    "with SDK 2.x": ["@opentelemetry/api@1.9", "@opentelemetry/sdk-node@0.223", "@opentelemetry/sdk-metrics@2"],
  };

  test.each(Object.entries(apps))("%s, firelight/otel uses the packages that sdk-node depends on", async (_, app) => {
    const { folder, said } = await install("npm", app, ["firelight"]);
    expect(said).not.toMatch(conflict);
    await expectOneTrace(folder, "node");
  });

  test.each([
    ["the SDK of 2024", ["@opentelemetry/api@1.9", "@opentelemetry/sdk-node@0.57", "@opentelemetry/resources@1"]],
    ["other versions of all optional peers", ["yaml@1", "@grafana/grafana-foundation-sdk@0.0.18"]],
  ])("with %s, installing Firelight changes no versions", async (_, app) => {
    const { folder, said } = await install("npm", app, ["firelight"]);
    expect(said).not.toMatch(conflict);
    const alone = await install("npm", app);
    const { dependencies } = JSON.parse(readFileSync(join(alone.folder, "package.json"), "utf8"));
    const versionIn = (where: string, name: string): unknown =>
      JSON.parse(readFileSync(join(where, "node_modules", name, "package.json"), "utf8")).version;
    for (const name of Object.keys(dependencies)) expect(versionIn(folder, name)).toBe(versionIn(alone.folder, name));
  });
});
