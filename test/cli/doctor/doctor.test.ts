import { describe, expect, test } from "vitest";
import { startStaticRunner } from "../../integration/static-runners.ts";
import { firelight } from "../run-cli.ts";
import { methods } from "./diagnosis.ts";

describe("the page that it prints", () => {
  test("has a mark for each check, what to do below those that fail, and a sum", async () => {
    const { url } = await startStaticRunner("r-1", methods);
    const { code, stdout } = await firelight(["doctor", "--runner", url], {
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
});
