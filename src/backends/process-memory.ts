/** Detects from a runner's output whether it ran out of memory. */

/** What Node and Bun print when the heap or the machine is out of memory. */
const outOfMemory =
  /JavaScript heap out of memory|MemoryExhaustion: Crash intentionally|^RangeError: (?:Out of memory|Array buffer allocation failed)|has run out of memory|\bstd::bad_alloc\b/;

/** Lines that may follow: native stacks, and the machine section of a crash report. */
const maxLinesAfter = 60;

/** Inspects the lines of a runner's stderr. */
export interface MemoryWatch {
  look(line: string): void;
  /** Whether a process that ended like this ran out of memory. */
  ranOut(exit: { readonly code: number | null; readonly signal: string | null }): boolean;
}

export const watchMemory = (): MemoryWatch => {
  let linesSince = Infinity;
  return {
    look: (line) => {
      linesSince = outOfMemory.test(line) ? 0 : linesSince + 1;
    },
    ranOut: ({ code, signal }) => (code !== 0 || signal !== null) && linesSince <= maxLinesAfter,
  };
};
