/**
 * A parent in Vite's development server, which evaluates modules again when they change. Prints the responses of runners and
 * the running runners after each change.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { createServer, createServerModuleRunner } from "vite";

const folder = resolve("out/vite-dev");
mkdirSync(folder, { recursive: true });
const write = (name, text) => writeFileSync(resolve(folder, name), text);

const services = (word) => `
import { flame } from "firelight";
export const which = flame.fn("which", async () => process.pid + " says ${word}");
`;

/** A module that creates its own instance. */
const own = (word) => `
import { createFlame } from "firelight";
import { backend } from "./backend.ts";
export const flame = createFlame({ pools: { default: { min: 1, max: 1 } }, backend });
export const mine = flame.fn("mine", async () => process.pid + " says ${word}");
`;

write("services.ts", services("one"));
write("own.ts", own("one"));
write(
  "backend.ts",
  `
import { processBackend } from "firelight/backends/process";
export const backend = processBackend({ entry: ${JSON.stringify(resolve(folder, "runner.ts"))} });
`,
);
write(
  "runner.ts",
  `
import { createFlame, flame } from "firelight";
import "./services.ts";
import { mine } from "./own-methods.ts";
void mine;
await flame.createRunnerServer().ready;
`,
);
write(
  "own-methods.ts",
  `
import { flame } from "firelight";
export const mine = flame.fn("mine", async () => process.pid + " says hello");
`,
);
write(
  "main.ts",
  `
import { flame } from "firelight";
import { backend } from "./backend.ts";
import { which } from "./services.ts";
import { mine } from "./own.ts";
if (globalThis.configured !== true) await flame.configure({ pools: { default: { min: 1, max: 1 } }, backend });
globalThis.configured = true;
export const answers = async () => [await which(), await mine()];
export const running = () => backend.running().map(({ pid }) => pid);
`,
);

const server = await createServer({
  configFile: false,
  root: folder,
  appType: "custom",
  logLevel: "warn",
  server: { middlewareMode: true, hmr: false, ws: false },
});
const runner = createServerModuleRunner(server.environments.ssr);

const changed = () => new Promise((done) => server.watcher.once("change", done));

const report = async () => {
  const { answers, running } = await runner.import("/main.ts");
  console.log(`answers ${(await answers()).join(", ")} | running ${running().join(" ")}`);
  return running;
};

await report();
for (const word of ["two", "three"]) {
  const seen = changed();
  write("services.ts", services(word));
  await seen;
  await report();
  const again = changed();
  write("own.ts", own(word));
  await again;
  await report();
}
process.stdin.on("data", () => report());
