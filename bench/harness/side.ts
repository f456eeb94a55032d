/**
 * One side of a contestant, in a process of its own: `node side.ts server|client MODULE SETTINGS [ADDRESS]`. Says
 * `{"ready":…}` and then answers questions, one line of JSON each, until its input ends.
 */
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Call, Contestant, RemoteWork, Settings } from "./contestant.ts";
import { cpuMs } from "./cpu.ts";
import type { Answer, Question, Slice } from "./sides.ts";
import { quantile } from "./statistics.ts";

const [side, module = "", settingsText = "", address = ""] = process.argv.slice(2);
const settings = JSON.parse(settingsText) as Settings;
const { contestant } = (await import(new URL(`../${module}`, import.meta.url).href)) as {
  readonly contestant: Contestant;
};

const say = (value: Answer | { readonly ready: string }): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`);
};

const slice = async (call: Call, concurrency: number, ms: number): Promise<Slice> => {
  const latencies: Array<number> = [];
  const cpuBefore = cpuMs();
  const startedAt = performance.now();
  const until = startedAt + ms;
  const worker = async (): Promise<void> => {
    for (let before = performance.now(); before < until;) {
      await call();
      const after = performance.now();
      latencies.push(after - before);
      before = after;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return {
    calls: latencies.length,
    elapsedMs: performance.now() - startedAt,
    clientCpuMs: cpuMs() - cpuBefore,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
  };
};

let calls: Partial<Record<RemoteWork, Call>> = {};
if (side === "client") {
  calls = await contestant.connect(address, settings);
  for (const call of Object.values(calls)) await call();
  say({ ready: "" });
} else {
  say({ ready: await contestant.serve(settings) });
}

const answer = async (question: Question): Promise<Answer> => {
  switch (question.ask) {
    case "slice":
      return slice(calls[question.work]!, question.concurrency, question.ms);
    case "cpu":
      return { cpuMs: cpuMs() };
    case "spans":
      return { spans: (await contestant.spans?.()) ?? 0 };
  }
};

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  void answer(JSON.parse(line) as Question).then(say);
});
await once(lines, "close");
process.exit(0);
