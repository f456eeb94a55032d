/** A reporter for vitest: clears the board when a run begins, and prints it when it is over. */
import { basename } from "node:path";
import type { Reporter, TestModule } from "vitest/node";
import { type BoardRow, boardText, clearBoard, readBoard } from "./board.ts";

/** Files whose tests are promises of the collector's configs, with what they run. */
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
  return { what: `collector, ${config}: promises kept`, good, all: tests.length, excused: 0, notes: [] };
};

export default class BoardReporter implements Reporter {
  onInit(): void {
    clearBoard();
  }

  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    const rows = [...readBoard(), ...modules.flatMap((module) => collectorRow(module) ?? [])];
    console.log(`\nThe stack, as this run proved it\n${boardText(rows)}`);
  }
}
