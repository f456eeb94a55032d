/** Each kind of process loads only the packages that it needs. Counts files and packages, because times depend on the machine. */
import { describe, expect, test } from "vitest";
import { loadedBy } from "../../scripts/import-cost.ts";

const always = ["@opentelemetry/api", "copy-anything", "effect", "superjson"];
const metrics = ["bintrees", "prom-client", "tdigest"];

describe.skipIf("bun" in process.versions)("loaded packages", () => {
  test("of a plain import exclude the server, the HTTP client and the metrics library", async () => {
    const { packages, modules } = await loadedBy("parent");
    expect(packages).toEqual(always);
    expect(modules).toBeLessThan(420);
  });

  test("of a call in local mode include only the metrics library in addition", async () => {
    const { packages } = await loadedBy("local call");
    expect(packages).toEqual([...always, ...metrics].toSorted());
  });

  test("of a runner include the server, but not the HTTP client", async () => {
    const { packages } = await loadedBy("runner");
    expect(packages).toEqual(expect.arrayContaining(["elysia", "srvx", "prom-client"]));
    expect(packages).not.toContain("undici");
  });
});
