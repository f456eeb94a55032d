import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  type BodySource,
  type UnverifiedBody,
  UnverifiedRequests,
  type UnverifiedLimits,
} from "../../../src/runner/http/unverified.ts";
import { waitFor } from "../../harness/wait-for.ts";

const limits: UnverifiedLimits = {
  maxBytes: 1_000,
  maxBodyBytes: 900,
  smallBodyBytes: 10,
  maxConnections: 2,
  pace: { bytes: 1_000, withinMs: 100 },
  paceUnderPressure: { bytes: 50, withinMs: 100 },
  maxWaitMs: 60_000,
  bodyTimeoutMs: 60_000,
};

/** The source of a body, and the calls that it received. */
const sender = () => {
  const told: Array<string> = [];
  const source: BodySource = {
    read: () => void told.push("read"),
    cut: (reason) => void told.push(`cut: ${reason}`),
  };
  return { source, told };
};

/** Delivers bytes every few milliseconds until the test ends. */
const feed = (body: UnverifiedBody, bytes: number): void => {
  const timer = setInterval(() => (body.bytes += bytes), 5);
  onTestFinished(() => clearInterval(timer));
};

describe("bodies of unverified requests", () => {
  test("are cut off when they arrive below the minimum rate", async () => {
    const unverified = new UnverifiedRequests(limits);
    const slow = sender();
    const body = unverified.open(slow.source, 500);
    expect(unverified.reservedBytes).toBe(500);
    body.bytes += 1;
    await waitFor(() => slow.told.length > 1, { what: "the body to be cut off" });
    expect(slow.told).toEqual(["read", "cut: too_slow"]);
    expect(unverified.reservedBytes).toBe(0);
    unverified.close(body);
    expect(unverified.reservedBytes, "released once").toBe(0);
  });

  test("are cut off when they are incomplete after bodyTimeoutMs, however fast they arrive", async () => {
    const unverified = new UnverifiedRequests({ ...limits, bodyTimeoutMs: 50 });
    const endless = sender();
    feed(unverified.open(endless.source, Infinity), 1_000_000);
    await waitFor(() => endless.told.length > 1, { what: "the body to be cut off" });
    expect(endless.told).toEqual(["read", "cut: too_slow"]);
  });

  test("wait for free bytes, newest first, except for small ones", () => {
    const unverified = new UnverifiedRequests({ ...limits, maxConnections: 10 });
    const [first, second, third, small] = [sender(), sender(), sender(), sender()];
    const one = unverified.open(first.source, 900);
    const two = unverified.open(second.source, 600);
    const three = unverified.open(third.source, 600);
    unverified.close(unverified.open(small.source, 10));
    expect([first.told, second.told, third.told, small.told]).toEqual([["read"], [], [], ["read"]]);
    unverified.close(one);
    expect([second.told, third.told]).toEqual([[], ["read"]]);
    unverified.close(three);
    expect(second.told).toEqual(["read"]);
    unverified.close(two);
    expect(unverified.reservedBytes).toBe(0);
  });

  test("without a declared length reserve maxBodyBytes, and one is always read", () => {
    const unverified = new UnverifiedRequests({ ...limits, maxBodyBytes: 5_000 });
    const [first, second] = [sender(), sender()];
    const one = unverified.open(first.source, Infinity);
    const two = unverified.open(second.source, Infinity);
    expect(unverified.reservedBytes).toBe(5_000);
    expect([first.told, second.told]).toEqual([["read"], []]);
    unverified.close(one);
    expect(second.told).toEqual(["read"]);
    unverified.close(two);
  });

  test("that stall are cut off when others wait for their bytes", async () => {
    const unverified = new UnverifiedRequests({ ...limits, pace: { bytes: 1, withinMs: 60_000 } });
    const [holder, waiting] = [sender(), sender()];
    unverified.open(holder.source, 900).bytes += 800;
    const body = unverified.open(waiting.source, 500);
    await waitFor(() => waiting.told.length > 0, { what: "free bytes" });
    expect(holder.told).toEqual(["read", "cut: overloaded"]);
    expect(waiting.told).toEqual(["read"]);
    unverified.close(body);
  });

  test("keep their bytes while they arrive, and waiting ones are not cut off as too slow", async () => {
    const unverified = new UnverifiedRequests(limits);
    const [holder, waiting] = [sender(), sender()];
    const held = unverified.open(holder.source, 900);
    feed(held, 500);
    const body = unverified.open(waiting.source, 500);
    const since = performance.now();
    await waitFor(() => performance.now() - since > 800, { what: "several checks" });
    expect([holder.told, waiting.told]).toEqual([["read"], []]);
    unverified.close(held);
    expect(waiting.told).toEqual(["read"]);
    unverified.close(body);
  });

  test("are cut off as overloaded when no bytes are free after maxWaitMs", async () => {
    const unverified = new UnverifiedRequests({ ...limits, maxWaitMs: 50 });
    const [holder, waiting] = [sender(), sender()];
    feed(unverified.open(holder.source, 900), 500);
    unverified.open(waiting.source, 500);
    await waitFor(() => waiting.told.length > 0, { what: "the body to be cut off" });
    expect([holder.told, waiting.told]).toEqual([["read"], ["cut: overloaded"]]);
  });

  test("are cut off when they stall, however fast they began", async () => {
    const unverified = new UnverifiedRequests(limits);
    const stopping = sender();
    unverified.open(stopping.source, 1_000_000).bytes += 900_000;
    await waitFor(() => stopping.told.length > 1, { what: "the body to be cut off" });
    expect(stopping.told).toEqual(["read", "cut: too_slow"]);
  });

  test("beyond maxConnections cut off the oldest one", () => {
    const unverified = new UnverifiedRequests(limits);
    const [first, second, third] = [sender(), sender(), sender()];
    unverified.open(first.source, 1);
    unverified.open(second.source, 1);
    unverified.open(third.source, 1);
    expect([first.told, second.told, third.told]).toEqual([["read", "cut: overloaded"], ["read"], ["read"]]);
  });
});

describe("connections without a verified request", () => {
  const connection = () => {
    let destroyed = false;
    let onClose = (): void => {};
    return {
      destroy: () => {
        destroyed = true;
        onClose();
      },
      once: (_event: "close", listener: () => void) => (onClose = listener),
      end: () => onClose(),
      get destroyed() {
        return destroyed;
      },
    };
  };

  test("beyond maxConnections close the oldest one, and verified connections stay open", async () => {
    const unverified = new UnverifiedRequests(limits);
    const [known, first, second, third, fourth] = [1, 2, 3, 4, 5].map(connection) as [
      ReturnType<typeof connection>,
      ReturnType<typeof connection>,
      ReturnType<typeof connection>,
      ReturnType<typeof connection>,
      ReturnType<typeof connection>,
    ];
    unverified.connected(known);
    unverified.verified(known);
    unverified.connected(first);
    unverified.connected(second);
    unverified.connected(third);
    await turn();
    expect([known.destroyed, first.destroyed, second.destroyed, third.destroyed]).toEqual([false, true, false, false]);
    second.end();
    unverified.connected(fourth);
    expect([third.destroyed, fourth.destroyed]).toEqual([false, false]);
  });
});
