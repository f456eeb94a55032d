import { describe, expect, test } from "vitest";
import { makeRedactor, safeError } from "../../src/telemetry/redaction.ts";

const secret = 'correct horse "battery"';
const redact = makeRedactor([secret, "abc"]);

describe("makeRedactor", () => {
  test.each([
    ["verbatim", secret],
    ["in a URL", encodeURIComponent(secret)],
    ["in JSON", JSON.stringify({ s: secret })],
    ["in base64", Buffer.from(secret).toString("base64")],
    ["in hex", Buffer.from(secret).toString("hex")],
  ])("redacts a given secret %s", (_shape, text) => {
    expect(redact(`got <${text}> there`)).toMatch(/^got <.*\[redacted\].*> there$/);
    expect(redact(text)).not.toMatch(/horse|Y29ycmVjd|636f7272/);
  });

  test("ignores secrets that are too short", () => {
    expect(redact("abcdef")).toBe("abcdef");
  });

  test.each([
    ["Authorization: Bearer eyJhbGciOi.abc-def", "abc-def"],
    ["connect postgres://app:hunter2@db:5432/x failed", "hunter2"],
    ["DB_PASSWORD=hunter2 is wrong", "hunter2"],
    ['{"api_key": "hunter2", "x": 1}', "hunter2"],
    ["-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----", "MIIEow"],
    ["key AKIAIOSFODNN7EXAMPLE denied", "AKIAIOSFODNN7EXAMPLE"],
    ["token ghp_0123456789abcdefghij", "ghp_0123456789abcdefghij"],
  ])("redacts text that looks like a secret: %s", (text, hidden) => {
    expect(redact(text)).not.toContain(hidden);
    expect(redact(text)).toContain("[redacted]");
  });

  test("does not change ordinary text", () => {
    const text = "Cannot read properties of undefined (reading 'tokens') at https://example.com:8080/a?b=c";
    expect(redact(text)).toBe(text);
  });

  test("limits the length, and is fast on hostile text", () => {
    expect(redact("x".repeat(5000))).toHaveLength(1024);
    expect(redact("x".repeat(50), 10)).toBe(`${"x".repeat(9)}…`);
    const startedAt = performance.now();
    for (const text of ["password", "a://", "-----BEGIN ", "Bearer ", "eyJaaaaaaaa."]) redact(text.repeat(100_000));
    // A pattern that takes quadratic time would need hours.
    expect(performance.now() - startedAt).toBeLessThan(30_000);
  });
});

describe("safeError", () => {
  test("keeps type, message and stack, redacted", () => {
    const safe = safeError(new RangeError(`bad ${secret}`), redact);
    expect(safe).toMatchObject({ type: "RangeError", message: "bad [redacted]" });
    expect(safe.stack).toContain("RangeError: bad [redacted]");
    expect(safe.stack).toContain("redaction.test.ts");
  });

  test("accepts any thrown value", () => {
    expect(safeError("password=x1", redact)).toEqual({
      type: "string",
      message: "password=[redacted]",
      stack: undefined,
    });
    expect(safeError({ token: "t" }, redact).message).toBe("A value of type object was thrown.");
    expect(safeError(null, redact).type).toBe("null");
  });

  test("does not throw for an error whose message getter throws", () => {
    const hostile = Object.defineProperty(new Error("x"), "message", {
      get: () => {
        throw new Error("no");
      },
    });
    expect(safeError(hostile, redact).message).toBe("The thrown value cannot be read.");
  });
});
