import { describe, expect, test } from "vitest";
import { mergeOptions } from "../../../src/contract/config/call-options.ts";
import {
  type DefinitionOptions,
  mergeDefinitions,
  readDefinition,
} from "../../../src/contract/config/definition-options.ts";
import type { FlameOptions } from "../../../src/contract/config/options.ts";

describe("call options", () => {
  test("are merged field by field, also within retry, while hedge is replaced as a whole", () => {
    const service: FlameOptions = {
      idempotent: true,
      hedge: { delayMs: 50, maxAttempts: 3 },
      retry: { maxAttempts: 2, on: ["timeout"] },
    };
    expect(mergeOptions(service, { hedge: { delayMs: 20 }, retry: { attemptTimeoutMs: 100 } })).toEqual({
      idempotent: true,
      hedge: { delayMs: 20 },
      retry: { maxAttempts: 2, on: ["timeout"], attemptTimeoutMs: 100 },
    });
    expect(mergeOptions(service, { idempotent: false, hedge: false })).toMatchObject({
      idempotent: false,
      hedge: false,
    });
  });

  test("are merged without leaving any out", () => {
    const every: Required<DefinitionOptions> = {
      pool: "gpu",
      timeoutMs: 1,
      idempotencyKey: "k",
      labels: { gpu: "l4" },
      affinityKey: "a",
      detached: true,
      idempotent: true,
      retry: { maxAttempts: 2 },
      hedge: false,
      isolation: "worker",
    };
    expect(mergeDefinitions({}, every)).toEqual(every);
    expect(mergeDefinitions(every, {})).toEqual(every);
    expect(mergeOptions(every)).toEqual({ ...every, isolation: undefined });
  });

  test.each<[FlameOptions, string]>([
    [{ retry: { attemptTimeoutMs: 0 } }, "m: retry.attemptTimeoutMs is 0."],
    [{ retry: { maxAttempts: 0 } }, "m: retry.maxAttempts is 0."],
    [
      { retry: { on: ["unavailabel" as "unavailable"] } },
      'm: retry.on[0] is "unavailabel". Did you mean "unavailable"?',
    ],
    [{ retry: { on: "timeout" as unknown as [] } }, 'm: retry.on is "timeout". Use an array'],
    [{ idempotent: "yes" as unknown as boolean }, 'm: idempotent is "yes". Use true or false.'],
    [{ hedge: { delayMs: 0 } }, "m: hedge.delayMs is 0."],
    [{ hedge: { delayMs: 5, maxAttempts: 1 } }, "m: hedge.maxAttempts is 1."],
  ])("%j are rejected with a message that says what to use", (options, message) => {
    expect(() => readDefinition(options, "m")).toThrow(message);
  });

  test("are accepted if they are valid", () => {
    readDefinition(
      { idempotent: true, hedge: { delayMs: 5 }, retry: { on: ["timeout", () => true], attemptTimeoutMs: 1 } },
      "m",
    );
    readDefinition({ hedge: false, retry: { on: () => false } }, "m");
  });
});
