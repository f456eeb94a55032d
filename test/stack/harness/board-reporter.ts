/** A reporter for vitest: clears the board when a run begins, and prints it when it is over. */
import type { Reporter } from "vitest/node";
import { boardText, clearBoard, readBoard } from "./board.ts";

export default class BoardReporter implements Reporter {
  onInit(): void {
    clearBoard();
  }

  onTestRunEnd(): void {
    console.log(`\nThe stack, as this run proved it\n${boardText(readBoard())}`);
  }
}
