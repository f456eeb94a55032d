import { PassThrough } from "node:stream";
import { finished } from "node:stream/promises";
import { expect, test } from "vitest";
import { createTail, forEachLine, secretsOf } from "../../src/backends/process-output.ts";

const linesOf = async (...chunks: ReadonlyArray<string | Uint8Array>): Promise<ReadonlyArray<string>> => {
  const stream = new PassThrough();
  const lines: Array<string> = [];
  forEachLine(stream, (line) => lines.push(line));
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await finished(stream);
  return lines;
};

test("forEachLine joins lines, and multi-byte characters, that are split across chunks", async () => {
  const bytes = Buffer.from("grün\r\n\nlast");
  expect(await linesOf(bytes.subarray(0, 3), bytes.subarray(3))).toEqual(["grün", "", "last"]);
});

test("forEachLine splits a very long line into pieces of bounded length without losing bytes", async () => {
  const lines = await linesOf("a".repeat(20_000), "b".repeat(20_000), "\n", "c".repeat(16_384) + "\n");
  expect(lines.map((line) => line.length)).toEqual([16_384, 16_384, 40_000 - 2 * 16_384, 16_384]);
  expect(lines.join("")).toBe("a".repeat(20_000) + "b".repeat(20_000) + "c".repeat(16_384));
});

test("createTail keeps the last lines: truncated, without ANSI escapes, with secrets redacted", () => {
  const tail = createTail(["hunter2hunter2"], 2, 20);
  for (const line of ["gone", "\u001b[31mpassword hunter2hunter2", "x".repeat(30)]) tail.push(line);
  expect(tail.lines()).toEqual(["password [redacted]", `${"x".repeat(20)}…`]);
});

test("secretsOf finds secrets by variable name, returns the longest first and splits multi-line values", () => {
  expect(
    secretsOf({
      FLAME_SECRET: "12345678",
      API_KEY: "line-one-x\nline-two",
      DB_PASSWORD: "short",
      HOME: "/home/somebody",
    }),
  ).toEqual(["line-one-x", "12345678", "line-two"]);
});
