import { expect, test } from "vitest";
import { inheritedRuntimeArgs } from "../../src/contract/process/exec-argv.ts";

test("a runner inherits loaders, preloads and limits", () => {
  const flags = [
    "--require",
    "./a.cjs",
    "--import",
    "file:///loader.mjs",
    "--max-old-space-size=512",
    "--enable-source-maps",
    "--smol",
  ];
  expect(inheritedRuntimeArgs(flags)).toEqual(flags);
});

test("a runner inherits no debugger, watcher, test runner or inline program", () => {
  expect(
    inheritedRuntimeArgs([
      "--inspect-brk=9229",
      "--inspect-port",
      "0",
      "--watch",
      "--watch-path",
      "./src",
      "--hot",
      "--test",
      "--test-name-pattern",
      "x",
      "--test-only",
      "--import",
      "tsx",
      "--input-type=module",
      "-e",
      "import('./app.ts')",
    ]),
  ).toEqual(["--import", "tsx"]);
});
