/**
 * Runs the tests on Node and on Bun at the same time: most of them wait. Prints Node's run as it goes, and Bun's once both are
 * over. Fails if one of them fails; what follows the command goes to both.
 *
 * Usage: `node scripts/test-both.ts [arguments of vitest]`
 */
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";

const run = (runtime: "node" | "bun", output: "inherit" | "pipe") => {
  const args = ["run", "--silent", `test:${runtime}`, "--", ...process.argv.slice(2)];
  const child = spawn("npm", args, { stdio: ["ignore", output, output] });
  const printed = Promise.all(
    [child.stdout, child.stderr].map(async (stream) => (stream === null ? "" : text(stream))),
  );
  const passed = new Promise<boolean>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code === 0));
  });
  return { passed, printed };
};

const node = run("node", "inherit");
const bun = run("bun", "pipe");
const nodePassed = await node.passed;
const bunPassed = await bun.passed;
console.log((await bun.printed).join(""));
console.log(`Node ${nodePassed ? "passed" : "failed"}, Bun ${bunPassed ? "passed" : "failed"}.`);
process.exitCode = nodePassed && bunPassed ? 0 : 1;
