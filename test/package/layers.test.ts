import { describe, expect, test } from "vitest";
import { findBarrels, findFaults, findMissing } from "../../scripts/layers.ts";

const faultsOf = (files: Record<string, string>): ReadonlyArray<string> => findFaults(new Map(Object.entries(files)));

describe("the import rules", () => {
  test("allow imports from the contract to the entry point", () => {
    expect(
      faultsOf({
        "src/contract/errors.ts": `export class FlameError extends Error {}`,
        "src/telemetry/telemetry.ts": `import type { FlameError } from "../contract/errors.ts";`,
        "src/parent/client.ts": `import { FlameError } from "../contract/errors.ts";\nimport { Pool } from "undici";`,
        "src/runner/server.ts": `import {\n  Elysia,\n} from "elysia";\nimport "../telemetry/telemetry.ts";`,
        "src/flame.ts": `import "./parent/client.ts";\nconst server = await import("./runner/server.ts");`,
        "src/index.ts": `export * from "./flame.ts";\nexport * from "./contract/errors.ts";`,
      }),
    ).toEqual([]);
  });

  test.each([
    ["the contract imports no other module", "src/contract/a.ts", `import type { B } from "../telemetry/b.ts";`],
    ["a parent does not import runners", "src/parent/a.ts", `export { b } from "../runner/b.ts";`],
    ["a runner does not import parents", "src/runner/a.ts", `const b = await import("../parent/b.ts");`],
    ["a backend imports only the contract", "src/backends/a.ts", `import { b } from "../telemetry/b.ts";`],
    ["nothing imports the entry point", "src/flame.ts", `import { b } from "./index.ts";`],
    ["a new module must be listed", "src/attic/a.ts", `import { b } from "../contract/b.ts";`],
    ["a package belongs to one module", "src/runner/a.ts", `import { request } from "undici";`],
    ["a new package must be listed", "src/parent/a.ts", `import type { X } from "left-pad";`],
    ["an inline type import counts", "src/contract/a.ts", `type B = import("../parent/b.ts").B;`],
  ])("%s", (_rule, path, source) => {
    expect(faultsOf({ [path]: source })).toHaveLength(1);
  });

  test.each([
    ["wire must not import config", "src/contract/wire/a.ts", `import type { B } from "../config/b.ts";`],
    ["codec must not import wire", "src/contract/codec/a.ts", `export { b } from "../wire/b.ts";`],
    ["a new folder must be listed", "src/contract/attic/a.ts", `import { b } from "../codec/b.ts";`],
  ])("inside the contract: %s", (_rule, path, source) => {
    expect(faultsOf({ [path]: source })).toHaveLength(1);
  });

  test("inside the contract: folders may import lower folders and top-level files", () => {
    expect(
      faultsOf({
        "src/contract/config/a.ts": `import { b } from "../wire/b.ts";\nimport { c } from "../errors.ts";`,
        "src/contract/thrown.ts": `import { d } from "./codec/d.ts";`,
      }),
    ).toEqual([]);
  });

  test("name files that no longer exist", () => {
    expect(findMissing(new Map([["src/index.ts", ""]]))).toContainEqual(
      expect.stringMatching(/^scripts\/layers\.ts names src\/parent\/retry-policy\.ts, which does not exist/),
    );
  });

  test("find a cycle of any length and name its files", () => {
    expect(
      faultsOf({
        "src/parent/a.ts": `import "./b.ts";`,
        "src/parent/b.ts": `import type { C } from "./c.ts";`,
        "src/parent/c.ts": `export * from "./a.ts";`,
      }),
    ).toEqual(["A cycle: src/parent/a.ts → src/parent/b.ts → src/parent/c.ts → src/parent/a.ts."]);
  });

  test("keep the pool's decisions pure, including what they import", () => {
    const files = {
      "src/parent/pool/core/state.ts": `import type { Effect } from "effect";\nimport { queue } from "./queue.ts";`,
      "src/parent/pool/core/queue.ts": `import { Effect } from "effect";\nexport const queue = Effect.void;`,
    };
    expect(faultsOf(files)).toEqual([
      "src/parent/pool/core/queue.ts imports effect, but src/parent/pool/core/state.ts must stay pure.",
    ]);
  });

  test("require the modules of effect, not the whole package", () => {
    const files = {
      "src/parent/a.ts": `import { Effect } from "effect";`,
      "src/parent/b.ts": `import * as Effect from "effect/Effect";`,
    };
    expect(findBarrels(new Map(Object.entries(files)))).toEqual([
      expect.stringMatching(/^src\/parent\/a\.ts imports the whole effect package/),
    ]);
  });

  test("require descriptive kebab-case names and files of at most 400 lines", () => {
    expect(
      faultsOf({ "src/parent/utils.ts": "", "src/parent/myPool.ts": "", "src/parent/long.ts": "\n".repeat(402) }),
    ).toEqual([
      "src/parent/long.ts has 402 lines; the limit is 400. Move its second concept to another file.",
      `src/parent/utils.ts: "utils" does not describe its content. Name the concept.`,
      `src/parent/myPool.ts: "myPool" is not kebab-case.`,
    ]);
  });

  test("ignore imports in comments", () => {
    expect(
      faultsOf({
        "src/contract/a.ts": `/**\n * import { x } from "../parent/x.ts";\nimport { y } from "left-pad";\n */`,
      }),
    ).toEqual([]);
  });
});
