/** The import loads what its process needs: the files and packages are counted, since times depend on the machine. */
import { describe, expect, test } from "vitest";
import { loadedBy } from "../../scripts/import-cost.ts";

const always = ["@opentelemetry/api", "copy-anything", "effect", "superjson"];
const metrics = ["bintrees", "prom-client", "tdigest"];

describe.skipIf("bun" in process.versions)("what is loaded", () => {
  test("by the import alone is neither a server, nor an HTTP client, nor the library of metrics", async () => {
    const { packages, modules } = await loadedBy("parent");
    expect(packages).toEqual(always);
    expect(modules).toBeLessThan(420);
  });

  test("by a call in local mode is the library of metrics beside it", async () => {
    const { packages } = await loadedBy("local call");
    expect(packages).toEqual([...always, ...metrics].toSorted());
  });

  test("by a runner is the server, and no HTTP client", async () => {
    const { packages } = await loadedBy("runner");
    expect(packages).toEqual(expect.arrayContaining(["elysia", "srvx", "prom-client"]));
    expect(packages).not.toContain("undici");
  });
});
