/** Deadlines of nested calls while the system clock jumps: on runners, in isolates and in local mode. */
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { flame } from "../../src/index.ts";
import { restoreClock } from "../harness/step-clock.ts";
import { hour, secret, shareRunners } from "./clock-runners.ts";
import { Clock, InProcess, InWorker } from "./fixtures/clock-services.ts";
import { silent } from "./setup.ts";

afterEach(restoreClock);

describe("the deadline of a nested call", () => {
  const timeoutMs = 20_000;

  const outer = shareRunners(async (start) => {
    const inner = await start({ id: "inner" });
    return start({ id: "outer", env: { CLOCK_NEXT: `inner ${inner.url}` } });
  });

  const connect = async (): Promise<void> => {
    onTestFinished(() => flame.shutdown());
    await flame.configure({
      mode: "parent",
      logger: silent,
      security: { secret },
      pools: { default: { runners: [{ id: "outer", url: outer().url }] } },
    });
  };

  const expectKept = async (nested: (stepMs: number) => PromiseLike<{ ownMs: number; nestedMs: number }>) => {
    for (const stepMs of [hour, -hour]) {
      const { ownMs, nestedMs } = await nested(stepMs);
      expect(ownMs).toBeGreaterThan(0);
      expect(ownMs).toBeLessThanOrEqual(timeoutMs + 2);
      expect(nestedMs).toBeGreaterThan(0);
      expect(nestedMs).toBeLessThanOrEqual(ownMs + 2);
    }
  };

  test.each([
    ["on the runner", Clock],
    ["in a worker", InWorker],
    ["in a process", InProcess],
  ])("is unaffected when the clock jumps by an hour, %s", async (_where, service) => {
    await connect();
    await expectKept(service.nested.with({ timeoutMs }));
  });

  test("is unaffected when the clock jumps by an hour, in local mode", async () => {
    onTestFinished(() => flame.shutdown());
    await flame.configure({ mode: "local", logger: silent });
    await expectKept(Clock.nested.with({ timeoutMs }));
  });
});
