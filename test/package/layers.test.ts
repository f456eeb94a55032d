import { describe, expect, it } from "vitest";
import { findBarrels, findFaults } from "../../scripts/layers.ts";

const faultsOf = (files: Record<string, string>): ReadonlyArray<string> => findFaults(new Map(Object.entries(files)));

describe("the rules of the house", () => {
  it("let data flow from the contract to the front door", () => {
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

  it.each([
    ["the contract knows nobody", "src/contract/a.ts", `import type { B } from "../telemetry/b.ts";`],
    ["a parent does not know runners", "src/parent/a.ts", `export { b } from "../runner/b.ts";`],
    ["a runner does not know parents", "src/runner/a.ts", `const b = await import("../parent/b.ts");`],
    ["a backend knows the contract alone", "src/backends/a.ts", `import { b } from "../telemetry/b.ts";`],
    ["nobody enters by the front door", "src/flame.ts", `import { b } from "./index.ts";`],
    ["a new room is announced", "src/attic/a.ts", `import { b } from "../contract/b.ts";`],
    ["a vendor lives in one room", "src/runner/a.ts", `import { request } from "undici";`],
    ["a new package is announced", "src/parent/a.ts", `import type { X } from "left-pad";`],
    ["an inline type import counts", "src/contract/a.ts", `type B = import("../parent/b.ts").B;`],
  ])("%s", (_rule, path, source) => {
    expect(faultsOf({ [path]: source })).toHaveLength(1);
  });

  it("find a cycle however long it is, and name the way round", () => {
    expect(
      faultsOf({
        "src/parent/a.ts": `import "./b.ts";`,
        "src/parent/b.ts": `import type { C } from "./c.ts";`,
        "src/parent/c.ts": `export * from "./a.ts";`,
      }),
    ).toEqual(["A cycle: src/parent/a.ts → src/parent/b.ts → src/parent/c.ts → src/parent/a.ts."]);
  });

  it("keep the pool's decisions pure, through what they import", () => {
    const files = {
      "src/parent/pool/core/state.ts": `import type { Effect } from "effect";\nimport { queue } from "./queue.ts";`,
      "src/parent/pool/queue.ts": `import { Effect } from "effect";\nexport const queue = Effect.void;`,
    };
    expect(faultsOf(files)).toEqual([
      "src/parent/pool/queue.ts imports effect, and src/parent/pool/core/state.ts must stay pure.",
    ]);
  });

  it("want the modules of effect, not all of it", () => {
    const files = {
      "src/parent/a.ts": `import { Effect } from "effect";`,
      "src/parent/b.ts": `import * as Effect from "effect/Effect";`,
    };
    expect(findBarrels(new Map(Object.entries(files)))).toEqual([
      expect.stringMatching(/^src\/parent\/a\.ts imports effect as a whole/),
    ]);
  });

  it("want names that say something, in kebab-case, and files that fit a head", () => {
    expect(
      faultsOf({ "src/parent/utils.ts": "", "src/parent/myPool.ts": "", "src/parent/long.ts": "\n".repeat(402) }),
    ).toEqual([
      "src/parent/long.ts has 402 lines; 400 is the most. Find the second concept in it.",
      `src/parent/utils.ts: "utils" does not say what is inside. Name the concept.`,
      `src/parent/myPool.ts: "myPool" is not kebab-case.`,
    ]);
  });

  it("do not take an example in a comment for an import", () => {
    expect(
      faultsOf({
        "src/contract/a.ts": `/**\n * import { x } from "../parent/x.ts";\nimport { y } from "left-pad";\n */`,
      }),
    ).toEqual([]);
  });
});
