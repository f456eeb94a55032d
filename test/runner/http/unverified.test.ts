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

/** A body's sender that does what it is told, and what it was told. */
const sender = () => {
  const told: Array<string> = [];
  const source: BodySource = {
    read: () => void told.push("read"),
    cut: (reason) => void told.push(`cut: ${reason}`),
  };
  return { source, told };
};

/** Brings bytes every few milliseconds until the test ends. */
const feed = (body: UnverifiedBody, bytes: number): void => {
  const timer = setInterval(() => body.received(bytes), 5);
  onTestFinished(() => clearInterval(timer));
};

describe("bodies of unverified requests", () => {
  test("are cut when they come in more slowly than they must", async () => {
    const unverified = new UnverifiedRequests(limits);
    const slow = sender();
    const body = unverified.open(slow.source, 500);
    expect(unverified.reservedBytes).toBe(500);
    body.received(1);
    await waitFor(() => slow.told.length > 1, { what: "a cut" });
    expect(slow.told).toEqual(["read", "cut: too_slow"]);
    expect(unverified.reservedBytes).toBe(0);
    body.close();
    expect(unverified.reservedBytes, "given back once").toBe(0);
  });

  test("are cut when they are not complete in time, however fast they come", async () => {
    const unverified = new UnverifiedRequests({ ...limits, bodyTimeoutMs: 50 });
    const endless = sender();
    feed(unverified.open(endless.source, Infinity), 1_000_000);
    await waitFor(() => endless.told.length > 1, { what: "a cut" });
    expect(endless.told).toEqual(["read", "cut: too_slow"]);
  });

  test("wait for room, and the newest gets it first; small ones do not wait", () => {
    const unverified = new UnverifiedRequests({ ...limits, maxConnections: 10 });
    const [first, second, third, small] = [sender(), sender(), sender(), sender()];
    const one = unverified.open(first.source, 900);
    const two = unverified.open(second.source, 600);
    const three = unverified.open(third.source, 600);
    unverified.open(small.source, 10).close();
    expect([first.told, second.told, third.told, small.told]).toEqual([["read"], [], [], ["read"]]);
    one.close();
    expect([second.told, third.told]).toEqual([[], ["read"]]);
    three.close();
    expect(second.told).toEqual(["read"]);
    two.close();
    expect(unverified.reservedBytes).toBe(0);
  });

  test("reserve the most that is allowed where their length is not declared, and one is read in any case", () => {
    const unverified = new UnverifiedRequests({ ...limits, maxBodyBytes: 5_000 });
    const [first, second] = [sender(), sender()];
    const one = unverified.open(first.source, Infinity);
    const two = unverified.open(second.source, Infinity);
    expect(unverified.reservedBytes).toBe(5_000);
    expect([first.told, second.told]).toEqual([["read"], []]);
    one.close();
    expect(second.told).toEqual(["read"]);
    two.close();
  });

  test("lose their room to others that wait when they do not use it", async () => {
    const unverified = new UnverifiedRequests({ ...limits, pace: { bytes: 1, withinMs: 60_000 } });
    const [holder, waiting] = [sender(), sender()];
    unverified.open(holder.source, 900).received(800);
    const body = unverified.open(waiting.source, 500);
    await waitFor(() => waiting.told.length > 0, { what: "room" });
    expect(holder.told).toEqual(["read", "cut: overloaded"]);
    expect(waiting.told).toEqual(["read"]);
    body.close();
  });

  test("keep their room while they come in, and those that wait are not cut for slowness", async () => {
    const unverified = new UnverifiedRequests(limits);
    const [holder, waiting] = [sender(), sender()];
    const held = unverified.open(holder.source, 900);
    feed(held, 500);
    const body = unverified.open(waiting.source, 500);
    const since = performance.now();
    await waitFor(() => performance.now() - since > 800, { what: "several looks" });
    expect([holder.told, waiting.told]).toEqual([["read"], []]);
    held.close();
    expect(waiting.told).toEqual(["read"]);
    body.close();
  });

  test("are cut when there is no room for them in time", async () => {
    const unverified = new UnverifiedRequests({ ...limits, maxWaitMs: 50 });
    const [holder, waiting] = [sender(), sender()];
    feed(unverified.open(holder.source, 900), 500);
    unverified.open(waiting.source, 500);
    await waitFor(() => waiting.told.length > 0, { what: "a cut" });
    expect([holder.told, waiting.told]).toEqual([["read"], ["cut: overloaded"]]);
  });

  test("are cut when they stop, however fast they began", async () => {
    const unverified = new UnverifiedRequests(limits);
    const stopping = sender();
    unverified.open(stopping.source, 1_000_000).received(900_000);
    await waitFor(() => stopping.told.length > 1, { what: "a cut" });
    expect(stopping.told).toEqual(["read", "cut: too_slow"]);
  });

  test("are bounded in number: the oldest one is cut", () => {
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

  test("are bounded in number: the oldest one ends first, and those that proved themselves stay", async () => {
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
