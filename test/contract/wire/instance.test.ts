import { describe, expect, test } from "vitest";
import {
  askingAudience,
  readAudience,
  readInstanceNote,
  signedAtMs,
  withInstance,
} from "../../../src/contract/wire/instance.ts";
import { newNonce } from "../../../src/contract/wire/nonce.ts";

const textOf = (audience: string): string => {
  const { instances } = readAudience(audience);
  if (instances === undefined || instances === "asking") throw new Error(`${audience} names no instance`);
  return instances.text;
};

describe("an audience", () => {
  test.each(["*", "runner-7", "http://10.0.0.7:8080/a~b", "~", "~~", "a~?~?", `a~${"x".repeat(22)}@`])(
    "for the runner %s is decoded as it was encoded",
    (runner) => {
      expect(readAudience(askingAudience(runner))).toEqual({ runner, instances: "asking" });
      const [one, two] = [newNonce(), newNonce()];
      const audience = withInstance(withInstance(runner, one, 12.5), two, 0);
      expect(readAudience(audience).runner).toBe(runner);
      expect(signedAtMs(textOf(audience), one)).toBe(13);
      expect(signedAtMs(textOf(audience), two)).toBe(0);
      expect(signedAtMs(textOf(audience), newNonce())).toBeUndefined();
    },
  );

  test.each([
    "*",
    "runner-7",
    "a~b",
    `a~${"x".repeat(21)}@7`,
    `a~${"x".repeat(22)}@07`,
    `a~${"x".repeat(22)}@7 `,
    "a~?b",
  ])("%s has no instance", (audience) => {
    expect(readAudience(audience)).toEqual({ runner: audience, instances: undefined });
  });

  test("keeps only as many instances as fit in 512 characters", () => {
    let audience = "r".repeat(400);
    for (let turn = 0; turn < 10; turn++) audience = withInstance(audience, newNonce(), 1_000);
    expect(audience.length).toBeLessThanOrEqual(512);
    expect(audience.split("@")).toHaveLength(5);
  });

  test("is parsed in time linear in its length", () => {
    const hostile = `~${"A".repeat(22)}@1`.repeat(20);
    const startedAt = performance.now();
    for (let turn = 0; turn < 1_000; turn++) readAudience(`${hostile}~`.slice(-512));
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });
});

test("readInstanceNote accepts a valid note and rejects anything else", () => {
  const note = { id: newNonce(), nowMs: 7.5 };
  expect(readInstanceNote({ ...note, more: 1 })).toEqual(note);
  for (const other of [undefined, null, 7, {}, { id: note.id }, { ...note, nowMs: -1 }, { ...note, id: "short" }]) {
    expect(readInstanceNote(other)).toBeUndefined();
  }
});
