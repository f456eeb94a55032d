/**
 * Measures the codec against the runtime's own JSON: writing and reading of small and large, plain and rich values. All
 * measurements of a value take turns within one run. Each ratio compares with JSON of a plain value of the same size.
 */
import { SuperJSON } from "superjson";
import { makeCodec } from "../src/contract/codec/codec.ts";
import { median } from "./harness/statistics.ts";

const rounds = Number(process.env["BENCH_ROUNDS"] ?? 15);
const sliceMs = Number(process.env["BENCH_SLICE_MS"] ?? 40);

const codec = makeCodec();
const superJson = new SuperJSON();
const what = "arguments of bench/accept";

const order = (at: number) => ({ id: at, sku: `sku-${at % 97}`, quantity: at % 7, paid: true });
const plainOrders = (count: number) => [Array.from({ length: count }, (_, at) => order(at))];

const dates = (count: number) => [
  Array.from({ length: count }, (_, at) => ({ ...order(at), at: new Date(1_764_000_000_000 + at * 61_001) })),
];

const mixed = (count: number) => [
  Array.from({ length: count }, (_, at) => ({
    ...order(at),
    at: new Date(1_764_000_000_000 + at * 61_001),
    note: at % 3 === 0 ? undefined : `note ${at}`,
    tags: new Set(["new", `tag ${at}`]),
    stock: new Map<string, unknown>([
      ["a", at],
      ["b", { since: new Date(at) }],
    ]),
  })),
];

const shared = (count: number) => {
  const customers = Array.from({ length: 10 }, (_, at) => ({ name: `customer ${at}`, since: new Date(at) }));
  return [Array.from({ length: count }, (_, at) => ({ ...order(at), customer: customers[at % 10] }))];
};

const samples = Float64Array.from({ length: 1_000 }, (_, at) => Math.sin(at));
const bytes = Uint8Array.from({ length: 1_000_000 }, (_, at) => (at * 2_654_435_761) >>> 13);

/** A plain value whose JSON has as many bytes as `size`, within one row. */
const plainOfSize = (size: number): unknown => {
  let count = 1;
  while (JSON.stringify(plainOrders(count)).length < size) count++;
  return plainOrders(count);
};

const values: Readonly<Record<string, unknown>> = {
  "small plain": [{ id: 4711, customer: "c-0815", items: [{ sku: "a-1", quantity: 2 }] }],
  "small with a Date": [{ id: 4711, at: new Date(1_764_000_000_000) }],
  "10 KB plain": plainOfSize(10_000),
  "10 KB with Dates": dates(105),
  "10 KB with Dates, Maps, Sets, undefined": mixed(29),
  "10 KB with shared objects": shared(62),
  "1,000 numbers in a typed array": [samples],
  "1 MB of bytes": [{ bytes }],
};

type Work = () => unknown;

/** Returns the microseconds of one run of each work: the median of rounds in which they take turns. */
const measure = (works: ReadonlyArray<Work>): ReadonlyArray<number> => {
  const times = works.map((): Array<number> => []);
  let sink: unknown;
  for (let round = -3; round < rounds; round++) {
    for (const [at, work] of works.entries()) {
      const startedAt = performance.now();
      const until = startedAt + sliceMs;
      let runs = 0;
      let now = startedAt;
      while (now < until) {
        for (let run = 0; run < 8; run++) sink = work();
        runs += 8;
        now = performance.now();
      }
      if (round >= 0) times[at]?.push(((now - startedAt) * 1_000) / runs);
    }
  }
  if (sink === undefined) throw new Error("nothing was measured");
  return times.map(median);
};

const cell = (text: string | number, width = 10): string => String(text).padStart(width);
const ratio = (value: number): string => cell(`${value.toFixed(2)}×`);

console.log(
  `${"bun" in process.versions ? `Bun ${process.versions["bun"]}` : `Node ${process.versions.node}`}, µs and ratios to JSON of a plain value of the same size`,
);
console.log(
  `${"value".padEnd(42)}${["bytes", "write", "ratio", "read", "ratio", "JSON.w", "JSON.r", "superjson"].map((text) => cell(text)).join("")}`,
);
for (const [name, value] of Object.entries(values)) {
  const encoded = codec.encode(value, what);
  const plain = plainOfSize(encoded.byteLength);
  const plainBytes = Buffer.from(JSON.stringify(plain));
  const [write, read, bareWrite, bareRead, library] = measure([
    () => codec.encode(value, what),
    () => codec.decode(encoded, what),
    () => Buffer.from(JSON.stringify(plain)),
    () => JSON.parse(plainBytes.toString()) as unknown,
    ...(encoded.byteLength < 100_000 ? [() => Buffer.from(superJson.stringify(value))] : []),
  ]) as [number, number, number, number, number | undefined];
  console.log(
    name.padEnd(42) +
      cell(encoded.byteLength) +
      cell(write.toFixed(1)) +
      ratio(write / bareWrite) +
      cell(read.toFixed(1)) +
      ratio(read / bareRead) +
      cell(bareWrite.toFixed(1)) +
      cell(bareRead.toFixed(1)) +
      cell(library?.toFixed(1) ?? "-"),
  );
}
