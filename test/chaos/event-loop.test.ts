/** How long decoding a message within the default size limit blocks the event loop, in CPU time of its thread. */
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { makeCodec } from "../../src/contract/codec/codec.ts";
import { defaults } from "../../src/contract/config/options.ts";

const codec = makeCodec();
const mebibyte = 1024 * 1024;

const many = (count: number, item: (at: number) => string): string =>
  Array.from({ length: count }, (_, at) => item(at)).join(",");

/** As many copies of `item` as fit into `bytes`. */
const fill = (bytes: number, item: string): string =>
  Array<string>(Math.floor(bytes / (item.length + 1)))
    .fill(item)
    .join(",");

const cap = defaults.maxBodyBytes - 100;

const messages: ReadonlyArray<readonly [name: string, text: () => string]> = [
  ["nesting", () => `{"json":${"[".repeat(2 * mebibyte)}${"]".repeat(2 * mebibyte)}}`],
  ["nesting within the limit", () => `{"json":[${fill(cap, `${"[".repeat(190)}${"]".repeat(190)}`)}]}`],
  ["empty arrays", () => `{"json":[${fill(cap, "[]")}]}`],
  ["empty objects", () => `{"json":[${fill(cap, "{}")}]}`],
  ["numbers", () => `{"json":[${fill(4_000_000, "1")}]}`],
  ["rows", () => `{"json":[${fill(cap, '{"id":12345,"name":"Ada Lovelace","ok":true}')}]}`],
  ["objects with one key each", () => `{"json":[${many(500_000, (at) => `{"k${at}":1}`)}]}`],
  ["sparse keys", () => `{"json":[{${many(130_000, (at) => `"${(at * 102_943) % 4_294_967_290}":1`)}}]}`],
  ["sparse keys in many objects", () => `{"json":[${many(100_000, (at) => `{"a":1,"${(at * 101) % 1_000_000}":2}`)}]}`],
  ["too many keys", () => `{"json":[{${many(600_000, (at) => `"k${at}":1`)}}]}`],
  ["strings with escapes", () => `{"json":[${fill(cap, '"\\u0041\\n"')}]}`],
  ["one string", () => `{"json":"${"x".repeat(cap)}"}`],
  ["one string with escapes", () => `{"json":"${"\\u0041".repeat(cap / 6)}"}`],
  ["white space", () => `{"json":${" ".repeat(cap)}1}`],
  [
    "dates",
    () =>
      `{"json":[${fill(130_000 * 27, '"2026-11-26T00:00:00.000Z"')}],"meta":{"v":1,"values":{${many(130_000, (at) => `"${at}":["Date"]`)}}}}`,
  ],
  [
    "one shared value",
    () =>
      `{"json":[{},${fill(130_000 * 5, "null")}],"meta":{"v":1,"referentialEqualities":{"0":[${many(130_000, (at) => `"${at + 1}"`)}]}}}`,
  ],
  [
    "a chain of equalities",
    () =>
      `{"json":[${fill(130_002 * 3, "{}")}],"meta":{"v":1,"referentialEqualities":{${many(130_000, (at) => `"${at}":["${at + 1}"]`)}}}}`,
  ],
  ["a set", () => `{"json":[${many(131_072, String)}],"meta":{"v":1,"values":["set"]}}`],
  ["an oversized set", () => `{"json":[${many(1_000_000, String)}],"meta":{"v":1,"values":["set"]}}`],
  ["too many annotations", () => `{"json":[],"meta":{"v":1,"values":{${many(500_000, (at) => `"${at}":["Date"]`)}}}}`],
];

const threadMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
};

/** The longest time that the event loop was blocked during `work`, in milliseconds of CPU time. */
const longestTurn = async (work: () => Promise<unknown>): Promise<number> => {
  let over = false;
  const done = work().finally(() => (over = true));
  done.catch(() => {});
  let longest = 0;
  while (!over) {
    const before = threadMs();
    await turn();
    longest = Math.max(longest, threadMs() - before);
  }
  return longest;
};

const read = async (bytes: Uint8Array): Promise<unknown> =>
  codec.isQuickToDecode(bytes) ? codec.decode(bytes, "arguments") : codec.decodeInSlices(bytes, "arguments");

/** Two mebibytes of as many small objects as fit. */
const yardstick = `[${fill(2 * mebibyte, "{}")}]`;

/**
 * The time that `JSON.parse` takes for {@link yardstick}, garbage collection included. It is the unit of the
 * measurements because the load of the machine affects both alike.
 */
const unitMs = (): number => {
  const before = threadMs();
  JSON.parse(yardstick);
  return threadMs() - before;
};

/** The longest turn, in the average of the units measured before and after. */
const longestInUnits = async (work: () => Promise<unknown>): Promise<number> => {
  const before = unitMs();
  const longest = await longestTurn(work);
  return longest / ((before + unitMs()) / 2);
};

/** A turn that is too long is measured again, in case a garbage collection ran in it. */
describe("decoding a message blocks the event loop no longer than parsing 2 MiB at once", () => {
  test.each(messages)("%s", async (_name, text) => {
    const bytes = Buffer.from(text());
    expect(bytes.byteLength).toBeLessThanOrEqual(defaults.maxBodyBytes);
    let longest = Infinity;
    for (let round = 0; round < 4 && longest > 1; round++) longest = await longestInUnits(() => read(bytes));
    expect(longest).toBeLessThanOrEqual(1);
  });
});
