/**
 * Plays the quick start on one machine, each part in a process of its own, as it
 * would be on three terminals: starts `runner.ts`, runs `parent.ts` against it, stops
 * it, then runs `local.ts`.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

const run = (file: string, env: Readonly<Record<string, string>>, stdout: "pipe" | "inherit") =>
  spawn(process.execPath, [join(import.meta.dirname, file)], {
    env: { ...process.env, ...env },
    stdio: ["ignore", stdout, "inherit"],
  });

const runToEnd = async (file: string, env: Readonly<Record<string, string>> = {}): Promise<void> => {
  const [code] = await once(run(file, env, "inherit"), "exit");
  if (code !== 0) throw new Error(`${file} ended with code ${code}.`);
};

const FLAME_SECRET = randomBytes(32).toString("base64url");

const runner = run(
  "runner.ts",
  { FLAME_MODE: "runner", FLAME_HOST: "127.0.0.1", FLAME_PORT: "0", FLAME_SECRET },
  "pipe",
);
try {
  const [serves] = (await once(createInterface(runner.stdout!), "line")) as [string];
  console.log(serves);
  await runToEnd("parent.ts", { RUNNER_URL: serves.split(" ").at(-1)!, FLAME_SECRET });
} finally {
  runner.kill();
}
await runToEnd("local.ts");
