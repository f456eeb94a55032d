import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { fileStore } from "../../examples/05-redis-idempotency-store/file-store.ts";
import { idempotencyStoreConformance } from "../../src/testing/idempotency-store.ts";
import { startProcess } from "../harness/start-process.ts";

const folder = mkdtempSync(join(tmpdir(), "firelight-stores-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("fileStore", () => {
  for (const { name, run } of idempotencyStoreConformance(() => fileStore(folder))) test(name, run);
});

test.each(["redis-server", "no-such-redis"])(
  "the example charges an order once, with REDIS_SERVER=%s",
  async (server) => {
    const path = server === "no-such-redis" ? process.execPath.replace(/\/[^/]*$/, "") : process.env["PATH"];
    const main = join(import.meta.dirname, "../../examples/05-redis-idempotency-store/main.ts");
    await using example = await startProcess({
      command: [process.execPath, main],
      env: { REDIS_SERVER: server === "no-such-redis" ? undefined : process.env["REDIS_SERVER"], PATH: path },
    });
    expect(await example.exited, example.output()).toEqual({ code: 0, signal: null });
    expect(example.output()).toContain(
      '10 calls with one key: 1 charge, 1 answer: {"charge":1,"amount":50,"key":"order-42"}',
    );
    expect(example.output()).toContain("the same key with another amount: conflict, executed: no");
  },
);
