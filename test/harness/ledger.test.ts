import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openLedger, readLedger } from "./ledger.ts";
import { startProcess } from "./start-process.ts";

const expected = new Set(["ok", "timeout"]);

const books = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "firelight-ledger-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, "books");
};

test("readLedger reports no faults for a consistent ledger", () => {
  const path = books();
  const ledger = openLedger(path);
  for (const id of ["a", "b c\n"]) {
    ledger.start(id);
    ledger.execStart(id);
    ledger.execEnd(id);
    ledger.end(id, "ok");
  }
  ledger.close();
  const { executions, outcomes, ...report } = readLedger(path, expected);
  expect(report).toEqual({
    calls: 2,
    missing: [],
    double: [],
    reused: [],
    unknown: [],
    untyped: [],
    repeated: [],
    unreadable: [],
  });
  expect(outcomes).toEqual(new Map([["ok", 2]]));
  expect(executions.get("b c\n")).toEqual({ started: 1, finished: 1 });
});

test("readLedger finds each kind of fault", () => {
  const path = books();
  const ledger = openLedger(path);
  ledger.start("missing");
  ledger.start("double");
  ledger.end("double", "ok");
  ledger.end("double", "timeout");
  ledger.start("reused");
  ledger.start("reused");
  ledger.end("reused", "ok");
  ledger.end("unknown", "ok");
  ledger.start("untyped");
  ledger.end("untyped", "TypeError");
  ledger.execStart("repeated");
  ledger.execStart("repeated");
  ledger.execEnd("repeated");
  ledger.close();
  appendFileSync(path, "end half\n%zz\n");
  expect(readLedger(path, expected)).toMatchObject({
    calls: 4,
    missing: ["missing"],
    double: ["double"],
    reused: ["reused"],
    unknown: ["unknown"],
    untyped: ["untyped"],
    repeated: ["repeated"],
    unreadable: ["end half", "%zz"],
    executions: new Map([["repeated", { started: 2, finished: 1 }]]),
  });
});

test("several processes can append to one ledger without mixing lines", async () => {
  const path = books();
  const script = join(path, "..", "keeper.mjs");
  writeFileSync(
    script,
    `const { openLedger } = await import(process.argv[2]);
     const ledger = openLedger(process.argv[3]);
     for (let n = 0; n < 500; n++) { ledger.start(process.pid + "-" + n); ledger.end(process.pid + "-" + n, "ok"); }`,
  );
  const keepers = await Promise.all(
    [1, 2, 3].map(() =>
      startProcess({ command: [process.execPath, script, new URL("./ledger.ts", import.meta.url).href, path] }),
    ),
  );
  for (const keeper of keepers) expect(await keeper.exited).toEqual({ code: 0, signal: null });
  expect(readLedger(path, expected)).toMatchObject({ calls: 1_500, missing: [], double: [], unreadable: [] });
});
