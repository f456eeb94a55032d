import { join } from "node:path";
import { flame } from "firelight";
import { processBackend } from "firelight/backends/process";
import "./services.js";

/** The runner is a separate program, which Next does not build. */
const entry = join(/* turbopackIgnore: true */ process.cwd(), "runner.mjs");

await flame.configure({ pools: { default: { max: 2 } }, backend: processBackend({ entry }) });
