/** Installs the packages of `bench/package.json` when a peer needs them and the lock file has changed since. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = join(import.meta.dirname, "..");
const record = join(folder, "node_modules/.installed");

export const installPeers = (): void => {
  const lock = createHash("sha256")
    .update(readFileSync(join(folder, "package-lock.json")))
    .digest("hex");
  if (existsSync(record) && readFileSync(record, "utf8") === lock) return;
  console.log("Installing what Firelight is compared with …");
  const { status } = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: folder,
    stdio: "inherit",
  });
  if (status !== 0) throw new Error("npm ci failed in bench. Choose contestants without peers: --peers=false");
  writeFileSync(record, lock);
};
