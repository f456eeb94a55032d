/**
 * Prints the cost of importing the built package on both runtimes, and fails if it loads packages that it does not
 * need. The times depend on this machine; the list of packages does not.
 */
import { join } from "node:path";
import { costOf, loadedBy, programs, type Program } from "./import-cost.ts";

const bin = join(import.meta.dirname, "../node_modules/.bin");
const runs = Number(process.argv[2] ?? 5);

/** Packages that a program may not load. */
const forbidden: Readonly<Partial<Record<Program, ReadonlyArray<string>>>> = {
  parent: ["elysia", "srvx", "undici", "prom-client"],
  "local call": ["elysia", "srvx", "undici"],
  runner: ["undici"],
};

let failed = false;
for (const runtime of ["node", "bun"]) {
  const bare = await costOf(join(bin, runtime), "nothing", runs);
  console.log(`${runtime}: bare, ${bare.mb.toFixed(0)} MB`);
  for (const program of Object.keys(programs) as ReadonlyArray<Program>) {
    if (program === "nothing") continue;
    const { ms, mb } = await costOf(join(bin, runtime), program, runs);
    console.log(`  ${program.padEnd(11)} +${(ms - bare.ms).toFixed(0)} ms, +${(mb - bare.mb).toFixed(0)} MB`);
  }
}
for (const [program, names] of Object.entries(forbidden)) {
  const { packages, modules } = await loadedBy(program as Program);
  const needless = packages.filter((name) => names.includes(name));
  failed ||= needless.length > 0;
  const mark = needless.length > 0 ? `✗ loads ${needless.join(", ")} without needing it` : "✓";
  console.log(`${mark} ${program}: ${modules} files, of ${packages.join(", ")}`);
}
if (failed) process.exit(1);
