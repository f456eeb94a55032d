/** Bundled programs: importing, calling and starting runners works, or fails with what to set. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { runtimes, type RuntimeName } from "../harness/runtimes.ts";
import { installProject } from "./harness/projects.ts";

const bundlers = ["esbuild", "rollup", "vite", "webpack", "rspack"] as const;
type Bundler = (typeof bundlers)[number];
type Format = "esm" | "cjs";
/** Whether the package is in the bundle. */
type Packages = "inlined" | "external";

const run = promisify(execFile);
const extensions = { esm: ".mjs", cjs: ".cjs" } as const;
let folder: string;

beforeAll(async () => {
  folder = await installProject("bundlers", inject("tarball"));
  rmSync(join(folder, "out"), { recursive: true, force: true });
});

interface Build {
  readonly bundler: Bundler;
  readonly format: Format;
  readonly packages: Packages;
  readonly programs: ReadonlyArray<string>;
  readonly env?: Readonly<Record<string, string>>;
}

/** Builds programs. Returns the output folder and the bundler's messages. */
const build = async ({
  bundler,
  format,
  packages,
  programs,
  env,
}: Build): Promise<readonly [to: string, said: string]> => {
  const to = join("out", [bundler, format, packages, ...programs].join("-"));
  const { stdout, stderr } = await run(runtimes.node, ["build.mjs", bundler, format, packages, to, ...programs], {
    cwd: folder,
    env: { ...process.env, ...env },
    timeout: 240_000,
  });
  return [join(folder, to), stdout + stderr];
};

const start = async (runtime: RuntimeName, program: string): Promise<string> => {
  const { stdout } = await run(runtimes[runtime], [program], {
    cwd: folder,
    env: { ...process.env, NODE_ENV: "production" },
    timeout: 120_000,
    maxBuffer: 64 * 1024 * 1024,
  }).catch((failure: { readonly stdout: string; readonly stderr: string }) => ({
    stdout: failure.stdout + failure.stderr,
  }));
  return stdout;
};

const cases = bundlers.flatMap((bundler) =>
  (["esm", "cjs"] as const).flatMap((format) =>
    (format === "esm" ? (["inlined", "external"] as const) : (["inlined"] as const)).map(
      (packages) => [bundler, format, packages] as const,
    ),
  ),
);

describe.each(cases)("%s, %s, the package %s", (bundler, format, packages) => {
  let out: string;
  let said: string;

  beforeAll(async () => {
    [out, said] = await build({ bundler, format, packages, programs: ["parent", "runner"] });
  }, 300_000);

  test("builds without a warning", () => {
    expect(said).toBe("");
  });

  test("emits only code files", () => {
    const odd = readdirSync(out, { recursive: true, encoding: "utf8" }).filter(
      (name) => !/\.(?:mjs|cjs|js)$|LICENSE\.txt$|^assets$/.test(name),
    );
    expect(odd).toEqual([]);
  });

  test.each<RuntimeName>(["node", "bun"])("calls runners and isolates that it starts on %s", async (runtime) => {
    expect(await start(runtime, join(out, `parent${extensions[format]}`))).toBe(
      "Hello, Ada, from a runner.\n49 2 3\nmetrics\n",
    );
  });
});

describe("a bundle", () => {
  test.each([
    ["esm", "0"],
    ["cjs", "0"],
  ] as const)("of esbuild as %s without a banner can be imported", async (format, banner) => {
    const [out] = await build({
      bundler: "esbuild",
      format,
      packages: "inlined",
      programs: ["imports"],
      env: { BANNER: banner },
    });
    expect(await start("node", join(out, `imports${extensions[format]}`))).toBe("imported\n");
  });

  test("of esbuild as ESM without a banner fails its first call with the banner to set", async () => {
    const [out] = await build({
      bundler: "esbuild",
      format: "esm",
      packages: "inlined",
      programs: ["parent", "services"],
      env: { BANNER: "0" },
    });
    expect(await start("node", join(out, "parent.mjs"))).toMatch(
      /^ConfigError: Metrics are unavailable .*: failed to load the package prom-client .* Define it in a banner as docs\/bundlers\.md shows/m,
    );
  });

  test.each(bundlers)("of %s whose runner entry is a URL of the sources fails with what to set", async (bundler) => {
    const [out] = await build({ bundler, format: "esm", packages: "external", programs: ["url-parent"] });
    expect(await start("node", join(out, "url-parent.mjs"))).toMatch(
      /build the runner as a separate entry point.*see docs\/bundlers\.md/,
    );
  });

  test("whose runner was deployed without its chunks fails with what to deploy", async () => {
    const [out] = await build({
      bundler: "rollup",
      format: "esm",
      packages: "inlined",
      programs: ["parent", "runner", "imports"],
    });
    for (const name of readdirSync(out)) {
      if (readFileSync(join(out, name), "utf8").includes("ElysiaCustomStatusResponse")) rmSync(join(out, name));
    }
    expect(await start("node", join(out, "parent.mjs"))).toMatch(
      /deploy all files that the bundler wrote.*docs\/bundlers\.md/,
    );
  });
});

describe("CommonJS without a bundler", () => {
  test.each<RuntimeName>(["node", "bun"])("requires the package on %s", async (runtime) => {
    expect(await start(runtime, "require.cjs")).toBe("Hello, Ada; function.\n");
  });
});

describe("docs/bundlers.md", () => {
  test("has a row for each tested bundler with its version", () => {
    const page = readFileSync(join(import.meta.dirname, "../../docs/bundlers.md"), "utf8");
    const { dependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
      readonly dependencies: Readonly<Record<string, string>>;
    };
    const rows = [...page.matchAll(/^\| (\w+) (\d+) +\|/gm)].map(([, name = "", major]) => [name.toLowerCase(), major]);
    for (const bundler of bundlers) {
      const version = dependencies[bundler === "rspack" ? "@rspack/core" : bundler] ?? "";
      const [major = ""] = version.split(".");
      expect(rows).toContainEqual([bundler, major]);
    }
  });
});
