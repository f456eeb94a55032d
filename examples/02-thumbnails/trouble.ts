/** Injects failures. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { MetricsReader } from "firelight";
import { metrics } from "firelight/catalog";
import type { ProcessBackend } from "firelight/backends/process";
import { Scrape } from "../shared/prometheus-text.ts";

/** The file name of the broken picture. */
export const truncatedName = "truncated.jpg";

/** A copy of a picture that ends in the middle, as a broken upload does. Its header is whole: the metadata can be read. */
export const truncatedCopy = async (photo: string, folder: string): Promise<string> => {
  const bytes = await readFile(photo);
  const path = join(folder, truncatedName);
  await writeFile(path, bytes.subarray(0, Math.round(bytes.length * 0.4)));
  return path;
};

/** Kills one runner, once, while it is handling calls. */
export interface Killer {
  /** Kills a runner if every slot is taken; otherwise it can be called again. */
  strike(): Promise<void>;
  /** The runner that was killed. */
  readonly victim: string | undefined;
}

export const makeKiller = (backend: ProcessBackend, readMetrics: MetricsReader, ready: ReadonlySet<string>): Killer => {
  let victim: string | undefined;
  return {
    get victim() {
      return victim;
    },
    strike: async () => {
      const scrape = new Scrape(await readMetrics());
      const busy = scrape.sum(metrics.slotsUsed.name) === scrape.sum(metrics.slotsProvisioned.name);
      const waiting = scrape.sum(metrics.pending.name);
      const target = backend.running().find(({ id }) => ready.has(id));
      if (victim !== undefined || target === undefined || !busy || waiting === 0) return;
      victim = target.id;
      process.kill(target.pid, "SIGKILL");
    },
  };
};
