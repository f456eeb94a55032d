/** The location in user code of a call to the package, read from the stack traces of runtimes and bundlers. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { callSite, type CallSite } from "../../../src/contract/process/call-site.ts";

afterEach(() => vi.restoreAllMocks());

/** The call site found in a stack trace of these lines. */
const foundIn = (...lines: ReadonlyArray<string>): CallSite | undefined => {
  vi.spyOn(Error, "captureStackTrace").mockImplementation((holder) => {
    (holder as { stack?: string }).stack = ["Error", ...lines.map((line) => `    at ${line}`)].join("\n");
  });
  return callSite(foundIn);
};

const called = (): { readonly site: CallSite | undefined } => ({ site: callSite(called) });

describe("callSite", () => {
  test("returns the location of the call on this runtime", () => {
    expect(called().site?.file).toMatch(/test\/contract\/process\/call-site\.test\.ts$/);
  });

  test.each([
    ["file:///app/math.ts:3:14", { file: "file:///app/math.ts", position: "3:14", topLevel: true }],
    ["/app/math.ts?v=2:3:14", { file: "/app/math.ts", position: "3:14", topLevel: true }],
    ["eval (/app/math.ts:3:14)", { file: "/app/math.ts", position: "3:14", topLevel: true }],
    ["async file:///app/math.ts:3:14", { file: "file:///app/math.ts", position: "3:14", topLevel: true }],
    ["makeMath (/app/math.ts:3:14)", { file: "/app/math.ts", position: "3:14", topLevel: false }],
    ["/app/(shop)/page.ts:3:14", { file: "/app/(shop)/page.ts", position: "3:14", topLevel: true }],
    [
      "eval (webpack-internal:///(rsc)/./math.ts:3:14)",
      { file: "webpack-internal:///(rsc)/./math.ts", position: "3:14", topLevel: true },
    ],
    [
      "module evaluation (/app/.next/[root]__1._.js:1:203)",
      { file: "/app/.next/[root]__1._.js", position: "1:203", topLevel: true },
    ],
    ["C:\\app\\math.ts:3:14", { file: "C:\\app\\math.ts", position: "3:14", topLevel: true }],
  ])("parses %s", (line, site) => {
    expect(foundIn(line)).toEqual(site);
  });

  test("skips frames of the runtime and of compiler helpers", () => {
    const site = foundIn(
      "__decorate (/app/node_modules/tslib/tslib.js:1:2)",
      "ModuleJob.run (node:internal/modules/esm/module_job:430:25)",
      "Context.asyncModule [as a] (/app/.next/server/chunks/[turbopack]_runtime.js:789:5)",
      "file:///app/math.ts:3:14",
    );
    expect(site?.file).toBe("file:///app/math.ts");
  });

  test("returns undefined when no frame has a file", () => {
    expect(foundIn("<anonymous>", "new Promise (<anonymous>)", "native")).toBeUndefined();
  });
});
