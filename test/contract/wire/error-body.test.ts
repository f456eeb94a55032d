import { readThrown } from "../../../src/contract/thrown.ts";
import { describe, expect, test } from "vitest";
import { readFileSync } from "node:fs";
import { httpStatus } from "../../../src/contract/wire/envelope.ts";
import { decodeErrorBody, encodeErrorBody, errorFromBody } from "../../../src/contract/wire/error-body.ts";
import {
  type CallError,
  ConfigError,
  type FlameErrorCode,
  InvokeError,
  RegistryError,
} from "../../../src/contract/errors.ts";

const over = (error: CallError, exposeErrors = false): CallError => {
  const body = decodeErrorBody(encodeErrorBody(error, exposeErrors));
  if (body === undefined) throw new Error("The body was rejected.");
  return errorFromBody(body, { method: "billing/charge", pool: "default", attempt: 2 });
};
const raw = (error: CallError, exposeErrors = false): string =>
  Buffer.from(encodeErrorBody(error, exposeErrors)).toString("utf8");

const remote = {
  name: "TypeError",
  message: "password is hunter2",
  details: { row: 7 },
  stack: "TypeError: at secret.ts:1",
};
const thrown = new InvokeError("remote_error", "billing/charge failed.", {
  executed: "yes",
  phase: "handler",
  details: { internal: 1 },
  remote,
});
const spoken = new InvokeError("remote_error", "billing/charge failed.", {
  phase: "handler",
  retryable: false,
  remote: {
    name: "FlameMethodError",
    code: "card_declined",
    message: "The card was declined.",
    details: { bank: "x" },
    stack: "at charge.ts:1",
  },
});

test("encodes the runner's instance for requests to sign again, and ignores an invalid one", () => {
  const error = new InvokeError("unavailable", "Sign it again.", { executed: "no" });
  const instance = { id: "A".repeat(22), nowMs: 12.5 };
  expect(decodeErrorBody(encodeErrorBody(error, false, false, instance))?.instance).toEqual(instance);
  expect(decodeErrorBody(encodeErrorBody(error, false))?.instance).toBeUndefined();
  const odd = { ...instance, id: 7 } as never;
  expect(decodeErrorBody(encodeErrorBody(error, false, false, odd))?.instance).toBeUndefined();
});

describe("an encoded and decoded error", () => {
  test.each(Object.keys(httpStatus) as ReadonlyArray<FlameErrorCode>)(
    "keeps the code %s, its message, retryable and executed",
    (code) => {
      for (const [retryable, executed] of [
        [true, "no"],
        [false, "unknown"],
        [false, "yes"],
      ] as const) {
        const context = { retryable, executed, phase: "decode", retryAfterMs: 250 } as const;
        const error =
          code === "config_error"
            ? new ConfigError("m", context)
            : code === "registry_error"
              ? new RegistryError("m", context)
              : new InvokeError(code, "m", context);
        const arrived = over(error);
        expect(arrived).toMatchObject({
          code,
          message: "m",
          ...context,
          _tag: error._tag,
          method: "billing/charge",
          pool: "default",
          attempt: 2,
        });
        expect(arrived.constructor).toBe(error.constructor);
      }
    },
  );

  test("has draining if its runner is draining, and decoding accepts only true", () => {
    const refused = new InvokeError("unavailable", "stopping");
    expect(decodeErrorBody(encodeErrorBody(refused, false, true))?.draining).toBe(true);
    expect(raw(refused)).not.toContain("draining");
    const odd = { ...JSON.parse(raw(refused)), draining: "yes" };
    expect(decodeErrorBody(Buffer.from(JSON.stringify(odd)))).toMatchObject({
      code: "unavailable",
      draining: undefined,
    });
  });

  test("has the phase configure for a config_error, and the given phase for others, if the body has none", () => {
    expect(errorFromBody({ code: "config_error", message: "m", retryable: false, executed: "no" }, {}).phase).toBe(
      "configure",
    );
    expect(
      errorFromBody({ code: "timeout", message: "m", retryable: true, executed: "no" }, { phase: "network" }).phase,
    ).toBe("network");
  });

  test("does not include the error that a handler threw", () => {
    expect(raw(thrown)).toBe(
      '{"code":"remote_error","message":"billing/charge failed.","retryable":true,"executed":"yes","phase":"handler"}',
    );
    expect(over(thrown).remote).toBeUndefined();
  });

  test("includes the error that a handler threw with exposeErrors", () => {
    expect(over(thrown, true)).toMatchObject({ details: { internal: 1 }, remote });
  });

  test("always includes a FlameMethodError, but its stack only with exposeErrors", () => {
    const { stack, ...said } = spoken.remote!;
    expect(over(spoken).remote).toEqual(said);
    expect(raw(spoken)).not.toContain("charge.ts");
    expect(over(spoken, true).remote).toEqual({ ...said, stack });
  });

  test("includes causes and aggregated errors with their codes only with exposeErrors", () => {
    const refused = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
    const many = new AggregateError([refused, new RangeError("b")], "many");
    const said = readThrown(new TypeError("outer", { cause: many }));
    const error = new InvokeError("remote_error", "m", { remote: { ...said, exposed: true } });
    expect(over(error, true).remote).toMatchObject({
      name: "TypeError",
      exposed: true,
      cause: {
        name: "AggregateError",
        errors: [
          { code: "ECONNREFUSED", message: "connect", stack: expect.stringContaining("error-body.test") },
          { name: "RangeError", message: "b" },
        ],
      },
    });
    expect(over(error).remote).toBeUndefined();
    const coded = new InvokeError("remote_error", "m", { remote: { ...readThrown(refused), exposed: true } });
    expect(over(coded).remote).toBeUndefined();
    const onPurpose = new InvokeError("remote_error", "m", { remote: { ...said, code: "c" } });
    expect(over(onPurpose).remote).toEqual({ name: "TypeError", code: "c", message: "outer" });
  });

  test("limits the number of causes when it is encoded and when it is decoded", () => {
    let error = new Error("innermost");
    for (let level = 0; level < 1_000; level++) error = new Error("x".repeat(50_000), { cause: error });
    const wide = new AggregateError(
      Array.from({ length: 1_000 }, () => new Error("y".repeat(50_000))),
      "wide",
    );
    for (const thrown of [error, wide]) {
      const remote = { ...readThrown(thrown), exposed: true } as const;
      expect(encodeErrorBody(new InvokeError("remote_error", "m", { remote }), true).length).toBeLessThan(128 * 1_024);
    }
    type Nested = { name: string; cause?: Nested };
    let received: Nested = { name: "innermost" };
    for (let level = 0; level < 100; level++) received = { name: `level ${level}`, cause: received };
    const good = { code: "timeout", message: "m", retryable: true, executed: "unknown" };
    let depth = 0;
    const read = decodeErrorBody(Buffer.from(JSON.stringify({ ...good, remote: received })));
    for (let remote = read?.remote; remote !== undefined; remote = remote.cause) depth++;
    expect(depth).toBe(8);
  });

  test("is encoded with any details; those that cannot be encoded are omitted with the reason", () => {
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    const encoded = (details: unknown): unknown =>
      over(new InvokeError("remote_error", "m", { remote: { code: "c", message: "m", details } })).remote?.details;
    expect(encoded(circle)).toMatch(/^\[omitted: .*c/i);
    expect(encoded("x".repeat(100_000))).toBe("[omitted: more than 65536 characters as JSON]");
    expect(encoded({ amount: 5n, at: new Date(0), f: () => 1 })).toEqual({
      amount: "5",
      at: "1970-01-01T00:00:00.000Z",
    });
    expect(encoded(JSON.parse('{"__proto__":1}'))).toMatch(/^\[omitted: it has a key __proto__/);
    expect(
      encoded({
        get x() {
          throw new Error("broken getter");
        },
      }),
    ).toBe("[omitted: broken getter]");
    expect(encoded(undefined)).toBeUndefined();
    expect(encoded(null)).toBeNull();
  });

  test("truncates long strings", () => {
    const long = "x".repeat(1_000_000);
    const error = new InvokeError("remote_error", long, {
      remote: { name: long, code: long, message: long, stack: long, details: long },
      details: long,
    });
    expect(encodeErrorBody(error, true).length).toBeLessThan(64_000);
    expect(over(error, true).message).toMatch(/^x{8192}…$/);
  });
});

describe("an error body", () => {
  const good = { code: "timeout", message: "m", retryable: true, executed: "unknown" };
  const decode = (value: unknown) =>
    decodeErrorBody(Buffer.from(typeof value === "string" ? value : JSON.stringify(value)));

  test("is accepted with unknown fields, which are ignored", () => {
    expect(decode({ ...good, future: 1, remote: { code: "c", future: 2 } })).toEqual({
      ...good,
      remote: { code: "c" },
    });
  });

  test.each([
    "",
    "null",
    "[]",
    "1",
    '"timeout"',
    "{",
    "{}",
    { ...good, code: "unheard_of" },
    { ...good, code: "toString" },
    { ...good, code: "__proto__" },
    { ...good, code: 5 },
    { ...good, code: undefined },
    { ...good, message: 5 },
    { ...good, message: undefined },
    { ...good, retryable: "true" },
    { ...good, retryable: undefined },
    { ...good, executed: "perhaps" },
    { ...good, executed: "constructor" },
    { ...good, executed: undefined },
    { ...good, phase: "lunch" },
    { ...good, phase: 1 },
    { ...good, phase: null },
    { ...good, retryAfterMs: -1 },
    { ...good, retryAfterMs: "10" },
    { ...good, retryAfterMs: null },
    { ...good, remote: "x" },
    { ...good, remote: null },
    { ...good, remote: [] },
    { ...good, remote: { code: 5 } },
    { ...good, remote: { message: {} } },
    { ...good, remote: { stack: [] } },
    { ...good, remote: { name: null } },
    '{"code":"timeout","message":"m","retryable":true,"executed":"no","details":{"__proto__":1}}',
    `{"code":"timeout","message":"m","retryable":true,"executed":"no","details":${"[".repeat(1000)}${"]".repeat(1000)}}`,
  ])("is rejected if it is invalid: %j", (value) => {
    expect(decode(value)).toBeUndefined();
  });

  test("limits retryAfterMs to one hour", () => {
    expect(decode({ ...good, retryAfterMs: 1e300 })?.retryAfterMs).toBe(3_600_000);
    const sent = new InvokeError("overloaded", "full", { retryAfterMs: Infinity });
    expect(decodeErrorBody(encodeErrorBody(sent, false))?.retryAfterMs).toBe(3_600_000);
  });

  test("is rejected if it is not UTF-8", () => {
    expect(
      decodeErrorBody(Buffer.from('{"code":"timeout","message":"\xff","retryable":true,"executed":"no"}', "latin1")),
    ).toBeUndefined();
  });

  test("has its codes and their statuses documented in protocol.md", () => {
    const protocol = readFileSync(new URL("../../../docs/protocol.md", import.meta.url), "utf8").replaceAll(/ +/g, " ");
    for (const [code, status] of Object.entries(httpStatus)) expect(protocol).toContain(`\`${code}\` | ${status} |`);
  });
});
