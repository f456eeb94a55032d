/** Removes the build output, so that files of deleted modules are never published. */
import { rmSync } from "node:fs";

rmSync(new URL("../dist", import.meta.url), { recursive: true, force: true });
