import { expect, test } from "vitest";
import type { SpanExport } from "../../../src/contract/wire/span-export.ts";
import { SpanAccounting } from "../../../src/parent/pool/span-accounting.ts";

interface TestBook {
  readonly book: SpanAccounting;
  readonly told: { reported: number; lost: number };
  /** An answer with two spans; answers are signed in the order in which they are made here, unless told otherwise. */
  answer(exported?: SpanExport, more?: { generation?: number; sentMs?: number; sentAt?: number }): void;
}

const makeBook = (): TestBook => {
  const told = { reported: 0, lost: 0 };
  const book = new SpanAccounting((outcome, count) => (told[outcome] += count));
  let clock = 1_000;
  return {
    book,
    told,
    answer: (exported, { generation = 0, sentMs = ++clock, sentAt = Number.MAX_SAFE_INTEGER } = {}) =>
      book.answered(generation, { receivedMs: 0, sentMs, queueMs: 0, handlerMs: 0, spans: 2, exported }, sentAt),
  };
};

const waiting = (unsent: number, failed = 0): SpanExport => ({ unsent, failed });

test("without a word about the exporter, what an answer vouches for is taken for sent", () => {
  const { book, told, answer } = makeBook();
  book.sent();
  answer();
  expect(told).toEqual({ reported: 2, lost: 0 });
});

test("spans are reported when a later answer says that they have left, or the runner ends in order", () => {
  const { book, told, answer } = makeBook();
  for (const unsent of [2, 4, 2]) {
    book.sent();
    answer(waiting(unsent));
  }
  expect(told).toEqual({ reported: 4, lost: 0 });
  book.settled();
  expect(told).toEqual({ reported: 6, lost: 0 });
});

test("a killed runner takes along what it had not sent, and two spans of each request under way", () => {
  const { book, told, answer } = makeBook();
  book.sent();
  answer(waiting(2));
  book.sent();
  book.abandoned(book.sent());
  book.unsent(book.sent());
  book.lost();
  expect(told).toEqual({ reported: 0, lost: 6 });
});

test("the answers of a runner whose clock was set back count as well", () => {
  const { book, told, answer } = makeBook();
  for (const [unsent, sentMs] of [
    [2, 7_200_000],
    [2, 3_600_000],
    [0, 3_600_010],
  ] as const) {
    book.sent();
    answer(waiting(unsent), { sentMs });
  }
  expect(told).toEqual({ reported: 6, lost: 0 });
});

test("the newest answer counts, in whatever order they come", () => {
  const { book, told, answer } = makeBook();
  book.sent();
  book.sent();
  answer(waiting(4), { sentMs: 20 });
  answer(waiting(2), { sentMs: 10 });
  expect(told).toEqual({ reported: 0, lost: 0 });
  book.lost();
  expect(told).toEqual({ reported: 0, lost: 4 });
});

test("a request that was abandoned counts until an answer to a later one, which counts its spans", () => {
  const { book, told, answer } = makeBook();
  const before = performance.now();
  book.sent();
  book.abandoned(book.sent());
  answer(waiting(2), { sentAt: before });
  book.lost();
  expect(told).toEqual({ reported: 0, lost: 4 });

  const other = makeBook();
  other.book.sent();
  other.book.abandoned(other.book.sent());
  other.answer(waiting(4));
  other.book.lost();
  expect(other.told).toEqual({ reported: 0, lost: 4 });
});

test("failed exports are lost at once, and only once", () => {
  const { book, told, answer } = makeBook();
  for (const [unsent, failed] of [
    [2, 0],
    [2, 2],
    [2, 4],
    [0, 4],
  ] as const) {
    book.sent();
    answer(waiting(unsent, failed));
  }
  expect(told).toEqual({ reported: 4, lost: 4 });
  book.settled();
  expect(told).toEqual({ reported: 4, lost: 4 });
});

test("after a loss the book is a new one, and requests of before are not booked twice", () => {
  const { book, told, answer } = makeBook();
  const old = book.sent();
  book.lost();
  expect(told).toEqual({ reported: 0, lost: 2 });
  book.abandoned(old);
  answer(waiting(2), { generation: old });
  const generation = book.sent();
  answer(waiting(0), { generation });
  book.lost();
  expect(told).toEqual({ reported: 2, lost: 2 });
});

test("of requests that are not recorded, only the exporter's account is taken", () => {
  const { book, told, answer } = makeBook();
  book.sent();
  answer(waiting(2));
  book.learn(
    { receivedMs: 0, sentMs: 2_000, queueMs: 0, handlerMs: 0, spans: 0, exported: waiting(0) },
    performance.now(),
  );
  expect(told).toEqual({ reported: 2, lost: 0 });
});
