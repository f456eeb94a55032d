/** Removes what the build makes, so that no file of a deleted module is ever shipped. */
import { rmSync } from "node:fs";

rmSync(new URL("../dist", import.meta.url), { recursive: true, force: true });
