import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { secret, startStaticRunner } from "../../integration/static-runners.ts";
import { firelightProcess } from "../run-cli.ts";
import { folderWith, methods } from "./diagnosis.ts";

/** Normalizes white space and replaces values that differ between two runs. */
const comparable = (text: string): string =>
  text
    .replaceAll(/127\.0\.0\.1:\d+/g, "<address>")
    .replaceAll(/\d+(\.\d+)*( m?s\b)?/g, "<number>")
    .replaceAll(/(Node|Bun) <number>/g, "<runtime>")
    .replaceAll(/ samples?\b/g, " <samples>")
    .replaceAll(/ahead of|behind/g, "<direction>")
    .replaceAll(/\s+/g, " ")
    .trim();

describe("the output of doctor", () => {
  test("has a mark per check, the fix below failed ones, and a summary", async () => {
    const { url } = await startStaticRunner("r-1", methods);
    const { code, stdout } = await firelightProcess(["doctor", "--runner", url], {
      env: { FLAME_SECRET: "not the right one" },
    });
    expect(stdout).toMatch(/^✓ reachable +runner r-1, up for /m);
    expect(stdout).toMatch(
      /^✗ signature +the runner rejected the request: .*\n( +.*\n)* +→ Its secret or key id differs/m,
    );
    expect(stdout).toContain("FlameSignatureRejections: dashboards/runbook.md#flamesignaturerejections");
    expect(stdout).toMatch(/^– OTLP +no receiver is configured$/m);
    expect(stdout).toMatch(/^1 check failed, \d+ passed\.$/m);
    expect(stdout.split("\n").filter((line) => line.length > 100)).toEqual([]);
    expect(code).toBe(1);
  });

  test("matches docs/cli.md", async () => {
    const a = await startStaticRunner("a", methods);
    const b = await startStaticRunner("b", methods, { secret: "another secret than the others have" });
    const runners = [a, b].map(({ runnerId, url }) => ({ id: runnerId, url }));
    const cwd = folderWith({
      "flame.config.ts": `export default { pools: { default: { runners: ${JSON.stringify(runners)} } } };`,
    });
    symlinkSync(join(import.meta.dirname, "../../../node_modules"), join(cwd, "node_modules"));
    const { stdout } = await firelightProcess(["doctor"], { cwd, env: { FLAME_SECRET: secret } });
    const page = readFileSync(join(import.meta.dirname, "../../../docs/cli.md"), "utf8");
    const [, shown = ""] = /^```text\n(Installation\n.*?)^```$/ms.exec(page) ?? [];
    expect(comparable(shown)).toBe(comparable(stdout));
  });
});
