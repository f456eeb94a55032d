/**
 * The package as users get it: packed, installed in an empty project, type-checked without `skipLibCheck`, and run on both
 * runtimes. All tests of this file share one installation.
 */
import { execFile } from "node:child_process";
import { cpSync, globSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runtimes, type RuntimeName } from "../harness/runtimes.ts";
import { startProcess } from "../harness/start-process.ts";

const root = join(import.meta.dirname, "../..");
const secret = "a secret of this test only";
const consumer = join(tmpdir(), `firelight-consumer-${process.pid}`);
const run = promisify(execFile);

const npm = async (args: ReadonlyArray<string>): Promise<string> => {
  const { stdout, stderr } = await run("npm", [...args, "--prefix", consumer], { cwd: consumer, timeout: 180_000 });
  return stdout + stderr;
};

const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  devDependencies: Record<string, string>;
};

/** Installs packages, those other than tarballs in the versions that the project is tested with. */
const install = (...packages: ReadonlyArray<string>): Promise<string> =>
  npm([
    "install",
    "--prefer-offline",
    "--no-audit",
    "--no-fund",
    ...packages.map((name) => (name in devDependencies ? `${name}@${devDependencies[name]}` : name)),
  ]);

const script = async (
  runtime: RuntimeName,
  file: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> => {
  const { stdout } = await run(runtimes[runtime], [file], {
    cwd: consumer,
    env: { ...process.env, ...env },
    timeout: 60_000,
  });
  return stdout.trim();
};

const typeCheck = async (): Promise<void> => {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  await run(runtimes.node, [tsc, "--project", consumer], { cwd: consumer }).catch((failure: { stdout: string }) => {
    expect.fail(failure.stdout);
  });
};

const copiesOf = (name: string): ReadonlyArray<string> =>
  globSync(`node_modules/**/${name}/package.json`, { cwd: consumer });

describe.skipIf("bun" in process.versions)("the package in an empty project", () => {
  let installation: string;

  beforeAll(async () => {
    cpSync(join(import.meta.dirname, "consumer"), consumer, { recursive: true });
    await npm(["pack", root, "--ignore-scripts", "--pack-destination", consumer]);
    const tarball = readdirSync(consumer).find((name) => name.endsWith(".tgz"));
    if (tarball === undefined) throw new Error("npm pack created no tarball.");
    installation = await install(`./${tarball}`, "@types/node");
  }, 240_000);

  afterAll(() => rmSync(consumer, { recursive: true, force: true }));

  test("installs without peer or deprecation warnings, and npm ls finds no missing packages", async () => {
    expect(installation).not.toMatch(/ERESOLVE|peer|deprecated/i);
    await expect(npm(["ls", "--all"])).resolves.toContain("firelight@");
  });

  test("contains its build and sources, but no tests, scripts or configuration", () => {
    const shipped = readdirSync(join(consumer, "node_modules/firelight"));
    expect(shipped).toEqual(
      expect.arrayContaining(["CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md", "dist", "package.json", "src"]),
    );
    expect(shipped.filter((name) => /^(\.|test|bench|scripts|node_modules|tsconfig)/.test(name))).toEqual([]);
  });

  test("type-checks a user's code and all imported declarations", typeCheck, 120_000);

  test.each(["node", "bun"] as const)(
    "runs the quick start in local mode on %s",
    async (runtime) => {
      expect(await script(runtime, "local.ts")).toBe(`{"charged":50} 5 metrics`);
    },
    60_000,
  );

  test.each(["node", "bun"] as const)(
    "runs the quick start as a parent and a runner over HTTP on %s",
    async (runtime) => {
      await using runner = await startProcess({
        command: [runtimes[runtime], "runner.ts"],
        cwd: consumer,
        env: { FLAME_MODE: "runner", FLAME_SECRET: secret },
      });
      const [, url = ""] = await runner.waitForOutput(/^ready (http:\S+)$/m);
      expect(await script(runtime, "parent.ts", { RUNNER_URL: url, FLAME_SECRET: secret })).toBe(
        `{"charged":50,"by":${runner.pid}}`,
      );
      runner.kill("SIGTERM");
      expect(await runner.exited).toMatchObject({ code: 0 });
    },
    90_000,
  );

  test.each(["node", "bun"] as const)(
    "starts runners with the process backend on %s",
    async (runtime) => {
      const [ours, theirs] = (await script(runtime, "elastic.ts")).split(" ");
      expect(Number(theirs)).toBeGreaterThan(0);
      expect(theirs).not.toBe(ours);
    },
    90_000,
  );

  test.each(["node", "bun"] as const)(
    "loads every entry point on %s",
    async (runtime) => {
      expect(await script(runtime, "doors.ts")).toBe("all entry points loaded");
    },
    60_000,
  );

  test.each([
    ["npx", ["firelight", "--help"]],
    [runtimes.bun, ["x", "--bun", "firelight", "--help"]],
  ])(
    "runs the firelight command with %s",
    async (program, args) => {
      const { stdout } = await run(program, args, { cwd: consumer, timeout: 60_000 });
      expect(stdout).toMatch(/^ {2}explain .*\n {2}doctor /m);
    },
    60_000,
  );

  test("passes all checks of firelight doctor", async () => {
    const { stdout } = await run(runtimes.node, ["node_modules/.bin/firelight", "doctor"], { cwd: consumer });
    expect(stdout).toMatch(/^✓ OpenTelemetry API +one copy, /m);
    expect(stdout).toMatch(/^\d+ checks passed\.$/m);
  }, 60_000);

  describe("with the OpenTelemetry SDK", () => {
    beforeAll(async () => {
      cpSync(join(import.meta.dirname, "consumer-otel"), consumer, { recursive: true });
      installation = await install("@opentelemetry/sdk-node");
    }, 240_000);

    test("installs without peer warnings and with one copy of the OpenTelemetry API", () => {
      expect(installation).not.toMatch(/ERESOLVE|peer/i);
      expect(copiesOf("@opentelemetry/api")).toEqual([join("node_modules", "@opentelemetry", "api", "package.json")]);
    });

    test("type-checks", typeCheck, 120_000);

    test.each(["node", "bun"] as const)(
      "exports the spans of a call over OTLP on %s",
      async (runtime) => {
        expect(await script(runtime, "telemetry.ts")).toContain("/v1/traces");
      },
      60_000,
    );
  });
});
