/** `unobserved` hides its work from instrumentations; `inNoContext` makes work observable again. */
import { AsyncLocalStorage } from "node:async_hooks";
import { channel } from "node:diagnostics_channel";
import { context, ROOT_CONTEXT, trace, TraceFlags } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { core } from "@opentelemetry/sdk-node";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { inNoContext } from "../../src/telemetry/no-context.ts";
import { unobserved } from "../../src/telemetry/unobserved.ts";

beforeEach(() => void context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()));
afterEach(() => context.disable());

const callers = trace.setSpanContext(ROOT_CONTEXT, {
  traceId: "1".repeat(32),
  spanId: "2".repeat(16),
  traceFlags: TraceFlags.SAMPLED,
});
const suppressed = (): boolean => core.isTracingSuppressed(context.active());
const activeSpan = (): string | undefined => trace.getSpanContext(context.active())?.spanId;

test.each(["undici:request:create", "undici:request:error", "undici:client:sendHeaders", "apm:net:tcp:start"])(
  "unobserved hides subscribers of %s from its work and what it starts, and from nothing else",
  async (name) => {
    const seen: Array<unknown> = [];
    const subject = channel(name);
    const create = channel("undici:request:create");
    const agent = (message: unknown): void => void seen.push(message);
    for (const each of new Set([subject, create])) each.subscribe(agent);
    onTestFinished(() => {
      for (const each of new Set([subject, create])) each.unsubscribe(agent);
    });
    const publish = (message: string): void => {
      if (subject.hasSubscribers) subject.publish(message);
    };
    publish("before");
    await unobserved(async () => {
      publish("inside");
      await new Promise((resolve) => setImmediate(resolve));
      publish("later");
      inNoContext(publish, "back outside");
    });
    publish("after");
    expect(seen).toEqual(["before", "back outside", "after"]);
  },
);

test("unobserved suppresses tracing, inNoContext does not, and both clear the active context", () => {
  const others = new AsyncLocalStorage<string>();
  const look = () => [suppressed(), activeSpan(), others.getStore()];
  others.run("somebody's", () =>
    context.with(callers, () => {
      expect(unobserved(look)).toEqual([true, undefined, undefined]);
      expect(unobserved(() => inNoContext(look))).toEqual([false, undefined, undefined]);
      expect(look()).toEqual([false, "2".repeat(16), "somebody's"]);
    }),
  );
});

test("unobserved and inNoContext pass arguments on, return the result and rethrow", () => {
  expect(unobserved((a: number, b: number) => a + b, 1, 2)).toBe(3);
  expect(inNoContext((a: number, b: number) => a + b, 1, 2)).toBe(3);
  expect(() =>
    unobserved(() => {
      throw new RangeError("mine");
    }),
  ).toThrow(RangeError);
});
