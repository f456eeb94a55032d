import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { startStaticRunner } from "../../integration/static-runners.ts";
import { firelight } from "../run-cli.ts";
import { doctorIn, folderWith, methods } from "./diagnosis.ts";

describe("doctor with a configuration", () => {
  test("resolves an exported configuration and checks its static runners", async () => {
    const { url } = await startStaticRunner("r-1", methods);
    const cwd = folderWith({
      "flame.config.ts": `export default { pools: { default: { runners: [{ id: "r-1", url: "${url}" as string }] } } };`,
    });
    const { code, of } = await doctorIn(cwd);
    expect(of("configuration")!.seen).toBe(
      "flame.config.ts: mode parent, 1 pool: default (1 fixed runner, 16 slots each)",
    );
    expect(of("secret")!.status).toBe("ok");
    expect(of("signature", url)!.status).toBe("ok");
    expect(code).toBe(0);
  });

  test("reads the configuration of an exported instance, and exits although the module left a timer", async () => {
    const index = join(import.meta.dirname, "../../../src/index.ts");
    const cwd = folderWith({
      "setup.ts": `
        import { createFlame } from ${JSON.stringify(index)};
        setInterval(() => {}, 60_000);
        const backend = { name: "cloud", spawn: async () => { throw new Error("not in a check"); }, terminate: async () => {} };
        export default createFlame({ defaultPool: "gpu", pools: { gpu: { min: 1, max: 3, backend } } });`,
    });
    const { code, of } = await doctorIn(cwd, ["--config", "setup.ts"], { FLAME_SECRET: undefined });
    expect(of("configuration")!.seen).toBe("setup.ts: mode parent, 1 pool: gpu (1 to 3 runners of cloud, 1 slot each)");
    expect(of("secret")!.seen).toContain("not needed");
    expect(of("runners")!.status).toBe("skipped");
    expect(code).toBe(0);
  });

  test.each([
    [
      "is invalid",
      `export default { pools: { default: { min: 3, max: 1 } } };`,
      "invalid configuration",
      "Make max at least min",
    ],
    [
      "throws",
      `throw new Error("no database here");`,
      "cannot load flame.config.mjs: Error: no database here",
      "Run the module on its own",
    ],
    ["exports nothing", `export const pools = 1;`, "exports no configuration", "Add a default export"],
    [
      "has a pool without runners",
      `export default { pools: { default: {} } };`,
      `the pool "default" has no runners`,
      "a backend",
    ],
  ])("fails with a fix for a module that %s", async (_what, source, seen, fix) => {
    const { code, findings } = await doctorIn(folderWith({ "flame.config.mjs": source }));
    const found = findings.find((one) => one.status === "failed" && one.title === "Configuration");
    expect(found?.seen).toContain(seen);
    expect(found?.fix).toContain(fix);
    expect(code).toBe(1);
  });

  test("fails if the file of --config does not exist, and is skipped without a configuration file", async () => {
    const cwd = folderWith({});
    expect((await doctorIn(cwd, ["--config", "flame.js"])).of("configuration")!.seen).toBe("flame.js does not exist");
    expect((await doctorIn(cwd)).of("configuration")!.status).toBe("skipped");
  });

  test("fails for a short secret, and for a missing one if it is needed", async () => {
    const cwd = folderWith({ "flame.config.js": `export default { runnerUrl: "http://runner.invalid" };` });
    expect((await doctorIn(cwd, [], { FLAME_SECRET: "secret" })).of("secret")!.seen).toContain("6 characters");
    expect((await doctorIn(cwd, [], { FLAME_SECRET: undefined })).of("secret")!.status).toBe("failed");
  });

  test("does not print the secret", async () => {
    const { stdout } = await firelight(["doctor"], { env: { FLAME_SECRET: "canary-canary-canary" } });
    expect(stdout).not.toContain("canary");
  });
});
