/** Counts the invocations of functions in a folder, by V8's precise coverage. */
import { Session } from "node:inspector/promises";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

export interface FunctionCount {
  /** Relative to the folder. */
  readonly file: string;
  readonly name: string;
  readonly line: number;
  readonly count: number;
}

export type Counts = ReadonlyArray<FunctionCount>;

/** Counts invocations since the previous reading. */
export class FunctionCounter {
  readonly #session = new Session();
  readonly #sources = new Map<string, string>();
  readonly #folder: string;

  /** @param folder the functions of files in it are counted, except for those in its `vendor` */
  constructor(folder: string) {
    this.#folder = folder;
  }

  async start(): Promise<void> {
    this.#session.connect();
    await this.#session.post("Profiler.enable");
    await this.#session.post("Debugger.enable");
    await this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  async take(): Promise<Counts> {
    const { result } = await this.#session.post("Profiler.takePreciseCoverage");
    const counts: Array<FunctionCount> = [];
    for (const { url, scriptId, functions } of result) {
      const file = url.startsWith("file:") ? relative(this.#folder, fileURLToPath(url)) : "..";
      if (file.startsWith("..") || file.startsWith("vendor")) continue;
      for (const { functionName, ranges } of functions) {
        const { startOffset, count } = ranges[0]!;
        if (count === 0) continue;
        const source = await this.#source(scriptId);
        const line = source.slice(0, startOffset).split("\n").length;
        counts.push({ file, name: functionName || "(anonymous)", line, count });
      }
    }
    return counts;
  }

  async #source(scriptId: string): Promise<string> {
    const known = this.#sources.get(scriptId);
    if (known !== undefined) return known;
    const { scriptSource } = await this.#session.post("Debugger.getScriptSource", { scriptId });
    this.#sources.set(scriptId, scriptSource);
    return scriptSource;
  }
}

export const invocations = (counts: Counts): number => counts.reduce((sum, { count }) => sum + count, 0);

/** Returns the reading with the fewest invocations: no timer of the pool or of telemetry fell into it. */
export const fewest = (all: ReadonlyArray<Counts>): Counts =>
  all.reduce((least, counts) => (invocations(counts) < invocations(least) ? counts : least));
