import { describe, expect, it } from "vitest";
import type { FlameErrorCode, FlameErrorContext } from "../../src/contract/errors.ts";
import { ConfigError, InvokeError, RegistryError } from "../../src/contract/errors.ts";
import type { RetrySituation } from "../../src/parent/retry.ts";
import { decideRetry, failoverAttempts } from "../../src/parent/retry.ts";

const failed = (code: FlameErrorCode, context: FlameErrorContext = {}) => new InvokeError(code, code, context);

const decide = (situation: Partial<RetrySituation> & Pick<RetrySituation, "error">) =>
  decideRetry({ attempt: 1, failovers: 0, hedges: 0, retry: undefined, idempotent: false, elsewhere: true, remainingMs: 10_000, chance: 0.5, ...situation });

describe("without a retry policy", () => {
  it("an attempt that did not reach the handler fails over at once", () => {
    expect(decide({ error: failed("transport_error", { executed: "no" }) })).toMatchObject({ retry: true, delayMs: 0, failover: true });
    expect(decide({ error: failed("unavailable") })).toMatchObject({ retry: true, delayMs: 0, failover: true });
  });

  it("failing over is bounded", () => {
    const error = failed("transport_error", { executed: "no" });
    expect(decide({ error, attempt: failoverAttempts, failovers: failoverAttempts - 1 }).retry).toBe(true);
    expect(decide({ error, attempt: failoverAttempts + 1, failovers: failoverAttempts }).retry).toBe(false);
  });

  it("nothing that may have executed is tried again", () => {
    expect(decide({ error: failed("transport_error", { executed: "unknown" }) }).retry).toBe(false);
    expect(decide({ error: failed("remote_error", { executed: "yes" }) }).retry).toBe(false);
    expect(decide({ error: failed("timeout", { executed: "unknown" }) }).retry).toBe(false);
  });

  it("a pool that has no runner is not tried again", () => {
    expect(decide({ error: failed("no_runner") }).retry).toBe(false);
  });
});

describe("with maxAttempts", () => {
  const retry = { maxAttempts: 3, baseDelayMs: 100 };

  it("handler failures and lost responses are tried again", () => {
    expect(decide({ retry, error: failed("remote_error") })).toMatchObject({ retry: true, failover: false });
    expect(decide({ retry, error: failed("transport_error", { executed: "unknown" }) }).retry).toBe(true);
  });

  it("stops at maxAttempts, and failovers do not count", () => {
    expect(decide({ retry, error: failed("remote_error"), attempt: 2 }).retry).toBe(true);
    expect(decide({ retry, error: failed("remote_error"), attempt: 3 }).retry).toBe(false);
    expect(decide({ retry, error: failed("remote_error"), attempt: 4, failovers: 2 }).retry).toBe(true);
  });

  it("a handler that says so is not tried again", () => {
    expect(decide({ retry, error: failed("remote_error", { retryable: false }) }).retry).toBe(false);
  });

  it.each([
    new ConfigError("x"),
    new RegistryError("x"),
    failed("serialization_error", { retryable: true }),
    failed("signature_error", { retryable: true }),
    failed("payload_too_large", { retryable: true }),
    failed("canceled", { retryable: true }),
  ])("$code is never tried again", (error) => {
    expect(decide({ retry, error }).retry).toBe(false);
  });

  it("the delay doubles, is jittered by a fifth, and is bounded", () => {
    const delay = (attempt: number, chance: number, more = {}) => {
      const decision = decide({ retry: { maxAttempts: 10, baseDelayMs: 100, ...more }, error: failed("remote_error"), attempt, chance });
      return decision.retry ? decision.delayMs : undefined;
    };
    expect([delay(1, 0.5), delay(2, 0.5), delay(3, 0.5)]).toEqual([100, 200, 400]);
    expect(delay(1, 0)).toBeCloseTo(80);
    expect(delay(1, 1)).toBeCloseTo(120);
    expect(delay(9, 0.5, { maxDelayMs: 300 })).toBe(300);
  });

  it("waits at least as long as the server asks", () => {
    expect(decide({ retry, error: failed("remote_error", { retryAfterMs: 900 }) })).toMatchObject({ delayMs: 900 });
  });

  it("does not start what the deadline would not allow", () => {
    expect(decide({ retry, error: failed("remote_error"), remainingMs: 100 }).retry).toBe(false);
    expect(decide({ retry, error: failed("transport_error", { executed: "no" }), remainingMs: 0 }).retry).toBe(false);
  });
});
