/**
 * What a call in local mode costs beyond the encoded call: its arguments and its result encoded and decoded, and the
 * handler. Everything on. Prints JSON.
 */
import { createFlame } from "../../dist/index.js";
import { makeCodec } from "../../dist/contract/codec/codec.js";
import { accept, type Order, order } from "../harness/payloads.ts";
import { startTracing } from "../harness/sdk.ts";
import { cpuMs } from "../harness/cpu.ts";
import { median } from "../harness/statistics.ts";

/** Medians, in microseconds of CPU time per call. */
export interface LocalCost {
  readonly localMicros: number;
  readonly encodedMicros: number;
  /** The median of the differences within a round. */
  readonly overMicros: number;
}

startTracing();
const flame = createFlame({ mode: "local" });
const bench = flame.service("bench", { accept: async (order: Order) => accept(order) });
const codec = makeCodec();

const encoded = async (): Promise<unknown> => {
  const [argument] = codec.decode(codec.encode([order], "arguments"), "arguments") as [Order];
  const result = await (async (value: Order) => accept(value))(argument);
  return codec.decode(codec.encode(result, "result"), "result");
};

const microsPerCall = async (call: () => Promise<unknown>, calls: number): Promise<number> => {
  const before = cpuMs();
  for (let done = 0; done < calls; done++) await call();
  return ((cpuMs() - before) * 1000) / calls;
};

const [rounds = 9, calls = 1_000] = process.argv.slice(2).map(Number);
const local = (): Promise<unknown> => bench.accept(order);
await microsPerCall(local, calls * 3);
await microsPerCall(encoded, calls * 3);
const pairs: Array<{ readonly local: number; readonly encoded: number }> = [];
for (let round = 0; round < rounds; round++)
  pairs.push({ local: await microsPerCall(local, calls), encoded: await microsPerCall(encoded, calls) });
const cost: LocalCost = {
  localMicros: median(pairs.map((pair) => pair.local)),
  encodedMicros: median(pairs.map((pair) => pair.encoded)),
  overMicros: median(pairs.map((pair) => pair.local - pair.encoded)),
};
console.log(JSON.stringify(cost));
process.exit(0);
