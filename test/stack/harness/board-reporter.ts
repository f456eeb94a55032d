/** A reporter for vitest: clears the board when a run starts, and prints it when the run ends. */
import { basename } from "node:path";
import type { Reporter, TestModule } from "vitest/node";
import { type BoardRow, boardText, clearBoard, readBoard } from "./board.ts";

/** Test files of the collector's configs, with the config that each tests. */
const collectorConfigs: ReadonlyMap<string, string> = new Map([
  ["collector.test.ts", "one tier"],
  ["two-tiers.test.ts", "two tiers"],
  ["queue.test.ts", "queue on disk"],
  ["kubernetes.test.ts", "Kubernetes"],
]);

const collectorRow = (module: TestModule): Required<BoardRow> | undefined => {
  const config = collectorConfigs.get(basename(module.moduleId));
  if (config === undefined) return undefined;
  const tests = [...module.children.allTests()];
  const good = tests.filter((test) => test.result().state === "passed").length;
  return { what: `collector, ${config}: tests passed`, good, all: tests.length, excused: 0, notes: [] };
};

export default class BoardReporter implements Reporter {
  onInit(): void {
    clearBoard();
  }

  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    const rows = [...readBoard(), ...modules.flatMap((module) => collectorRow(module) ?? [])];
    console.log(`\nResults of the stack tests\n${boardText(rows)}`);
  }
}
