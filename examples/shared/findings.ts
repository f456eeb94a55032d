/** The summary of a run: one line for each thing that should be so, and whether it is. */
import { printTable, styled } from "./terminal.ts";

export type Finding = readonly [asExpected: boolean, title: string, text: string];

export const many = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? "" : "s"}`;

/** Prints the summary. `false` when something was not as it should be. */
export const printFindings = (found: ReadonlyArray<Finding>): boolean => {
  printTable(
    found.map(([asExpected, title, text]) => [
      `${asExpected ? styled("green", "✓") : styled("red", "✗")} ${title}`,
      text,
    ]),
    ["left", "left"],
  );
  return found.every(([asExpected]) => asExpected);
};
