import { describe, expect, test } from "vitest";
import {
  ConfigError,
  type FlameErrorCode,
  type FlameErrorContext,
  InvokeError,
  RegistryError,
} from "../../src/contract/errors.ts";
import { decideRetry, failoverAttempts, type RetrySituation } from "../../src/parent/retry-policy.ts";

const failed = (code: FlameErrorCode, context: FlameErrorContext = {}) => new InvokeError(code, code, context);

const decide = (situation: Partial<RetrySituation> & Pick<RetrySituation, "error">) =>
  decideRetry({
    attempt: 1,
    failovers: 0,
    hedges: 0,
    retry: undefined,
    idempotent: false,
    elsewhere: true,
    remainingMs: 10_000,
    chance: 0.5,
    ...situation,
  });

describe("without a retry policy", () => {
  test("an attempt that did not reach the handler fails over without a delay", () => {
    expect(decide({ error: failed("transport_error", { executed: "no", runnerId: "a" }) })).toMatchObject({
      retry: true,
      delayMs: 0,
      failover: true,
    });
    expect(decide({ error: failed("unavailable", { runnerId: "a" }) })).toMatchObject({
      retry: true,
      delayMs: 0,
      failover: true,
    });
  });

  test("the number of failovers is limited", () => {
    const error = failed("transport_error", { executed: "no", runnerId: "a" });
    expect(decide({ error, attempt: failoverAttempts, failovers: failoverAttempts - 1 }).retry).toBe(true);
    expect(decide({ error, attempt: failoverAttempts + 1, failovers: failoverAttempts }).retry).toBe(false);
  });

  test("a call that its own pool rejected does not fail over", () => {
    expect(decide({ error: failed("overloaded", { phase: "acquire" }) }).retry).toBe(false);
  });

  test("an attempt that may have executed is not retried", () => {
    expect(decide({ error: failed("transport_error", { executed: "unknown" }) }).retry).toBe(false);
    expect(decide({ error: failed("remote_error", { executed: "yes" }) }).retry).toBe(false);
    expect(decide({ error: failed("timeout", { executed: "unknown" }) }).retry).toBe(false);
  });

  test("no_runner is not retried", () => {
    expect(decide({ error: failed("no_runner") }).retry).toBe(false);
  });
});

describe("with maxAttempts", () => {
  const retry = { maxAttempts: 3, baseDelayMs: 100 };

  test("handler failures and lost responses are retried", () => {
    expect(decide({ retry, error: failed("remote_error") })).toMatchObject({ retry: true, failover: false });
    expect(decide({ retry, error: failed("transport_error", { executed: "unknown" }) }).retry).toBe(true);
  });

  test("retries stop at maxAttempts, not counting failovers", () => {
    expect(decide({ retry, error: failed("remote_error"), attempt: 2 }).retry).toBe(true);
    expect(decide({ retry, error: failed("remote_error"), attempt: 3 }).retry).toBe(false);
    expect(decide({ retry, error: failed("remote_error"), attempt: 4, failovers: 2 }).retry).toBe(true);
  });

  test("a handler failure with retryable: false is not retried", () => {
    expect(decide({ retry, error: failed("remote_error", { retryable: false }) }).retry).toBe(false);
  });

  test.each([
    new ConfigError("x"),
    new RegistryError("x"),
    failed("serialization_error", { retryable: true }),
    failed("signature_error", { retryable: true }),
    failed("payload_too_large", { retryable: true }),
    failed("canceled", { retryable: true }),
  ])("$code is never retried", (error) => {
    expect(decide({ retry, error }).retry).toBe(false);
  });

  test("the delay doubles with each attempt, with ±20% jitter, up to maxDelayMs", () => {
    const delay = (attempt: number, chance: number, more = {}) => {
      const decision = decide({
        retry: { maxAttempts: 10, baseDelayMs: 100, ...more },
        error: failed("remote_error"),
        attempt,
        chance,
      });
      return decision.retry ? decision.delayMs : undefined;
    };
    expect([delay(1, 0.5), delay(2, 0.5), delay(3, 0.5)]).toEqual([100, 200, 400]);
    expect(delay(1, 0)).toBeCloseTo(80);
    expect(delay(1, 1)).toBeCloseTo(120);
    expect(delay(9, 0.5, { maxDelayMs: 300 })).toBe(300);
  });

  test("the delay is at least the error's retryAfterMs", () => {
    expect(decide({ retry, error: failed("remote_error", { retryAfterMs: 900 }) })).toMatchObject({ delayMs: 900 });
  });

  test("an attempt that could not start before the deadline is not made", () => {
    expect(decide({ retry, error: failed("remote_error"), remainingMs: 100 }).retry).toBe(false);
    expect(
      decide({ retry, error: failed("transport_error", { executed: "no", runnerId: "a" }), remainingMs: 0 }).retry,
    ).toBe(false);
  });
});

describe("the denial of a retry", () => {
  const denial = (situation: Parameters<typeof decide>[0]) => {
    const decision = decide(situation);
    return decision.retry ? undefined : decision.denial;
  };
  const crashed = failed("remote_error");

  test("has the reason max_attempts with the numbers of attempts and failovers", () => {
    expect(denial({ error: crashed, attempt: 3, retry: { maxAttempts: 3 } })).toEqual({
      reason: "max_attempts",
      text: "3 of 3 attempts were made",
    });
    expect(denial({ error: failed("unavailable"), attempt: 3, failovers: 2 })).toEqual({
      reason: "max_attempts",
      text: "1 of 1 attempts and 2 failovers were made",
    });
  });

  test("has the reason deadline with the delay and the remaining time", () => {
    expect(denial({ error: crashed, retry: { maxAttempts: 3, baseDelayMs: 400 }, remainingMs: 120 })).toEqual({
      reason: "deadline",
      text: "the next attempt would start in 400 ms, but only 120 ms are left",
    });
    expect(denial({ error: failed("remote_error", { retryAfterMs: 20_000 }), retry: { maxAttempts: 3 } })?.reason).toBe(
      "deadline",
    );
  });

  test("is undefined when the policy does not ask for a retry", () => {
    expect(denial({ error: crashed })).toBeUndefined();
    expect(denial({ error: failed("remote_error", { retryable: false }), retry: { maxAttempts: 3 } })).toBeUndefined();
    expect(denial({ error: failed("timeout"), retry: { maxAttempts: 3 }, remainingMs: 0 })).toBeUndefined();
  });
});

describe("retry.on", () => {
  const crashed = failed("remote_error", { remote: { code: "rate_limited" } });

  test("narrows retries by code and by function", () => {
    expect(decide({ error: crashed, retry: { maxAttempts: 3, on: ["remote_error"] } }).retry).toBe(true);
    expect(
      decide({ error: crashed, retry: { maxAttempts: 3, on: ["timeout", (e) => e.remote?.code === "rate_limited"] } })
        .retry,
    ).toBe(true);
    expect(decide({ error: crashed, retry: { maxAttempts: 3, on: (e) => e.code === "remote_error" } }).retry).toBe(
      true,
    );
    expect(decide({ error: crashed, retry: { maxAttempts: 3, on: ["timeout"] } })).toEqual({
      retry: false,
      denial: { reason: "condition", text: "retry.on does not match remote_error" },
    });
  });

  test("narrows failovers too", () => {
    expect(decide({ error: failed("unavailable"), retry: { on: [] } }).retry).toBe(false);
    expect(decide({ error: failed("unavailable"), retry: { on: ["unavailable"] } }).retry).toBe(true);
  });

  test("does not allow retries that are otherwise denied", () => {
    expect(decide({ error: crashed, retry: { on: () => true } })).toEqual({ retry: false });
    expect(
      decide({ error: failed("canceled", { retryable: true }), retry: { maxAttempts: 3, on: () => true } }).retry,
    ).toBe(false);
  });

  test("denies the retry when the function throws, and includes its message", () => {
    const on = () => {
      throw new Error("oops");
    };
    expect(decide({ error: crashed, retry: { maxAttempts: 3, on } })).toEqual({
      retry: false,
      denial: { reason: "condition", text: "retry.on threw: oops" },
    });
  });
});

describe("an idempotent method", () => {
  const lost = failed("transport_error", { executed: "unknown" });

  test("is attempted up to three times when the response is lost", () => {
    expect(decide({ error: lost, idempotent: true })).toMatchObject({
      retry: true,
      failover: false,
      firstFailover: false,
    });
    expect(decide({ error: lost, idempotent: true, attempt: 2 }).retry).toBe(true);
    expect(decide({ error: lost, idempotent: true, attempt: 3 }).retry).toBe(false);
    expect(decide({ error: failed("timeout", { executed: "yes" }), idempotent: true }).retry).toBe(true);
  });

  test("is retried when the runner is lost after the handler started", () => {
    expect(decide({ error: failed("transport_error", { executed: "yes" }), idempotent: true }).retry).toBe(true);
    expect(decide({ error: failed("transport_error", { executed: "yes" }) })).toEqual({ retry: false });
  });

  test("is not retried when the handler failed", () => {
    expect(decide({ error: failed("remote_error"), idempotent: true })).toEqual({ retry: false });
  });

  test("is attempted up to its maxAttempts if that is set", () => {
    expect(decide({ error: lost, idempotent: true, retry: { maxAttempts: 1 } }).retry).toBe(false);
    expect(decide({ error: lost, idempotent: true, retry: { maxAttempts: 5 }, attempt: 4 }).retry).toBe(true);
    expect(decide({ error: failed("remote_error"), idempotent: true, retry: { maxAttempts: 2 } }).retry).toBe(true);
  });

  test("does not count hedges as attempts", () => {
    expect(decide({ error: lost, idempotent: true, attempt: 4, hedges: 2 }).retry).toBe(true);
    expect(decide({ error: lost, idempotent: true, attempt: 5, hedges: 2 }).retry).toBe(false);
  });
});

describe("a failover", () => {
  test("is marked as the first one once per call", () => {
    const error = failed("unavailable");
    expect(decide({ error })).toMatchObject({ firstFailover: true });
    expect(decide({ error, attempt: 2, failovers: 1 })).toMatchObject({ failover: true, firstFailover: false });
  });

  test("follows an attempt that timed out before it was sent, but not one that timed out waiting for a slot", () => {
    const retry = { attemptTimeoutMs: 50 };
    expect(decide({ retry, error: failed("timeout", { executed: "no", phase: "network" }) })).toMatchObject({
      failover: true,
    });
    expect(decide({ retry, error: failed("timeout", { executed: "no", phase: "acquire" }) }).retry).toBe(false);
    expect(decide({ error: failed("timeout", { executed: "no", phase: "network" }) }).retry).toBe(false);
  });

  test("waits for retryAfterMs when there is no other runner", () => {
    const error = failed("overloaded", { retryAfterMs: 100 });
    expect(decide({ error, elsewhere: false })).toMatchObject({ failover: true, delayMs: 100 });
    expect(decide({ error, elsewhere: true })).toMatchObject({ failover: true, delayMs: 0 });
  });
});
