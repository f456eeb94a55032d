import { expect, test } from "vitest";
import type { SpanExport } from "../../../src/contract/wire/span-export.ts";
import { SpanAccounting } from "../../../src/parent/pool/span-accounting.ts";

interface TestBook {
  readonly book: SpanAccounting;
  readonly told: { reported: number; lost: number };
  /** Records a response with two spans. Responses are signed in call order unless `sentMs` is given. */
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

test("counts a response's spans as reported when the response has no exporter state", () => {
  const { book, told, answer } = makeBook();
  book.sent();
  answer();
  expect(told).toEqual({ reported: 2, lost: 0 });
});

test("counts spans as reported when a later response says that they were exported, or the runner exits cleanly", () => {
  const { book, told, answer } = makeBook();
  for (const unsent of [2, 4, 2]) {
    book.sent();
    answer(waiting(unsent));
  }
  expect(told).toEqual({ reported: 4, lost: 0 });
  book.settled();
  expect(told).toEqual({ reported: 6, lost: 0 });
});

test("counts a killed runner's unexported spans, and two spans per request in progress, as lost", () => {
  const { book, told, answer } = makeBook();
  book.sent();
  answer(waiting(2));
  book.sent();
  book.abandoned(book.sent());
  book.unsent(book.sent());
  book.lost();
  expect(told).toEqual({ reported: 0, lost: 6 });
});

test("counts the responses of a runner whose clock was set back", () => {
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

test("uses the most recently signed response, regardless of the order of arrival", () => {
  const { book, told, answer } = makeBook();
  book.sent();
  book.sent();
  answer(waiting(4), { sentMs: 20 });
  answer(waiting(2), { sentMs: 10 });
  expect(told).toEqual({ reported: 0, lost: 0 });
  book.lost();
  expect(told).toEqual({ reported: 0, lost: 4 });
});

test("counts an abandoned request's spans as unexported until a response to a later request includes them", () => {
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

test("counts spans of failed exports as lost immediately, and only once", () => {
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

test("starts over after a loss, and does not count earlier requests twice", () => {
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

test("uses only the exporter state from the response to an unrecorded request", () => {
  const { book, told, answer } = makeBook();
  book.sent();
  answer(waiting(2));
  book.learn(
    { receivedMs: 0, sentMs: 2_000, queueMs: 0, handlerMs: 0, spans: 0, exported: waiting(0) },
    performance.now(),
  );
  expect(told).toEqual({ reported: 2, lost: 0 });
});
