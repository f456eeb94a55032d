import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MalformedResponse, ResponseReader } from "../../../src/parent/transport/response-reader.ts";

interface Read {
  readonly status: number;
  readonly headers: Record<string, string | undefined>;
  readonly persistent: boolean;
  readonly body: string;
  readonly complete: boolean;
}

const names = ["content-length", "transfer-encoding", "x-a", "connection"];

/** Reads bytes in pieces that end at `cuts`. */
const readAll = (text: string, cuts: ReadonlyArray<number> = [], ends = false) => {
  const bytes = Buffer.from(text, "latin1");
  const read: Array<Read> = [];
  const last = (): Read => read.at(-1)!;
  const reader = new ResponseReader({
    onHead: (head) => {
      const headers = Object.fromEntries(names.map((name) => [name, head.header(name)]));
      read.push({ status: head.status, persistent: head.persistent, headers, body: "", complete: false });
    },
    onData: (chunk) =>
      (read[read.length - 1] = { ...last(), body: last().body + Buffer.from(chunk).toString("latin1") }),
    onEnd: () => (read[read.length - 1] = { ...last(), complete: true }),
  });
  let from = 0;
  for (const to of [...new Set(cuts)].filter((cut) => cut > 0 && cut < bytes.length).toSorted((a, b) => a - b)) {
    reader.push(bytes.subarray(from, to));
    from = to;
  }
  reader.push(bytes.subarray(from));
  if (ends) reader.end();
  return { read, atRest: reader.atRest };
};

const sized = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: one\r\nx-a:  two \r\n\r\nhello";
const chunked =
  "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5;name=value\r\nhello\r\nA\r\n, my world\r\n0\r\nx-trailer: 1\r\n\r\n";
const empty = "HTTP/1.1 204 No Content\r\nconnection: Close\r\n\r\n";
const early = "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n";

test("ResponseReader reads responses regardless of how the bytes are split into chunks", () => {
  const text = sized + early + chunked + empty + sized;
  const whole = readAll(text);
  expect(whole.atRest).toBe(true);
  expect(whole.read.map(({ status, body, complete, persistent }) => [status, body, complete, persistent])).toEqual([
    [200, "hello", true, true],
    [201, "hello, my world", true, true],
    [204, "", true, false],
    [200, "hello", true, true],
  ]);
  expect(whole.read[0]!.headers["x-a"]).toBe("one, two");
  fc.assert(
    fc.property(fc.array(fc.nat(text.length)), (cuts) => {
      expect(readAll(text, cuts)).toEqual(whole);
    }),
  );
  expect(
    readAll(
      text,
      Array.from({ length: text.length }, (_, index) => index),
    ),
  ).toEqual(whole);
});

test("ResponseReader completes a body of unknown length when the connection ends, and no other body", () => {
  const open = readAll("HTTP/1.0 200 OK\r\n\r\nto the end", [], true);
  expect(open.read).toMatchObject([{ body: "to the end", complete: true, persistent: false }]);
  expect(readAll(sized.slice(0, -1), [], true).read).toMatchObject([{ body: "hell", complete: false }]);
  expect(readAll(chunked.slice(0, -2), [], true).read).toMatchObject([{ complete: false }]);
});

test("ResponseReader is not at rest when bytes follow a response", () => {
  expect(readAll(`${sized}x`).atRest).toBe(false);
});

describe("ResponseReader rejects", () => {
  const head = "HTTP/1.1 200 OK\r\n";
  test.each([
    ["another protocol", "SSH-2.0-OpenSSH_9\r\n\r\n"],
    ["HTTP/2", "HTTP/2 200\r\n\r\n"],
    ["a switch of protocols", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
    ["two lengths", `${head}content-length: 5\r\ncontent-length: 6\r\n\r\n`],
    ["a negative length", `${head}content-length: -1\r\n\r\n`],
    ["a length in hexadecimal", `${head}content-length: 0x5\r\n\r\n`],
    ["a length together with chunks", `${head}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n`],
    ["an unknown encoding", `${head}transfer-encoding: gzip, chunked\r\n\r\n`],
    ["a folded header", `${head}x-a: 1\r\n 2\r\n\r\n`],
    ["a header without a name", `${head}: 1\r\n\r\n`],
    ["a header name with a space", `${head}content-length : 5\r\n\r\n`],
    ["an endless head", `${head}${"x-a: 1\r\n".repeat(10_000)}`],
    ["a chunk without a size", `${head}transfer-encoding: chunked\r\n\r\nzz\r\n`],
    ["a chunk that is longer than its size", `${head}transfer-encoding: chunked\r\n\r\n1\r\nhello\r\n`],
    ["an endless chunk size", `${head}transfer-encoding: chunked\r\n\r\n1${" ".repeat(2_000)}`],
    ["endless trailers", `${head}transfer-encoding: chunked\r\n\r\n0\r\n${"a: 1\r\n".repeat(10_000)}`],
  ])("%s", (_, text) => {
    expect(() => readAll(text)).toThrow(MalformedResponse);
    expect(() =>
      readAll(
        text,
        Array.from({ length: 200 }, (__, index) => index),
      ),
    ).toThrow(MalformedResponse);
  });
});
