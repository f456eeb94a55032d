/** Whether a runner ended for want of memory, by what it printed last. */

/** What Node and Bun print when the heap or the machine has no more memory for them. */
const outOfMemory =
  /JavaScript heap out of memory|MemoryExhaustion: Crash intentionally|^RangeError: (?:Out of memory|Array buffer allocation failed)|has run out of memory|\bstd::bad_alloc\b/;

/** Lines that may follow: native stacks, and what a crash report says of the machine. */
const maxLinesAfter = 60;

/** Looks at the lines of a runner's stderr. */
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
