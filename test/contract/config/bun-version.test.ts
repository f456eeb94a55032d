import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { bunFault, requireRuntime } from "../../../src/contract/config/resolve-config.ts";
import { runtimes } from "../../harness/runtimes.ts";
import { startProcess } from "../../harness/start-process.ts";

test.each(["1.3.13", "1.3.0", "1.2.99", "0.9.0", "1.3.13-canary.4+abc", "v1.3.2"])("Bun %s is rejected", (version) => {
  expect(bunFault(version)).toMatch(/^Firelight requires Bun 1\.3\.14 or newer, but this is Bun v?\d.*Update Bun/);
  expect(() => requireRuntime({ node: "24.0.0", bun: version })).toThrow(
    expect.objectContaining({ code: "config_error" }),
  );
});

test.each(["1.3.14", "1.3.14-canary.20+0123abc", "1.3.100", "1.4.0", "1.10.2", "2.0.0", "canary", ""])(
  "Bun %s is accepted",
  (version) => {
    expect(bunFault(version)).toBeUndefined();
  },
);

test("Node, and the runtime of this test, are accepted", () => {
  expect(() => requireRuntime({ node: "24.0.0" })).not.toThrow();
  expect(() => requireRuntime(process.versions)).not.toThrow();
});

const source = JSON.stringify(fileURLToPath(new URL("../../../src/index.ts", import.meta.url)));

test.each([
  ["configure", "flame.configure({ mode: 'local' })"],
  ["the first call", "flame.fn('f', async () => 1)()"],
  ["createRunnerServer", "(async () => flame.createRunnerServer({ port: 0 }))()"],
])("on an old version of Bun, %s rejects with a config_error", async (_, use) => {
  const program = `
    Object.defineProperty(process, "versions", { value: { ...process.versions, bun: "1.3.13" } });
    const { flame } = await import(${source});
    await ${use}.then(() => console.log("it went on"), (error) => console.log(error.code, error.message));
    process.exit();`;
  await using child = await startProcess({ command: [runtimes.node, "--input-type=module", "-e", program] });
  await child.waitForOutput(/config_error .*Bun 1\.3\.14 or newer, but this is Bun 1\.3\.13/);
});
