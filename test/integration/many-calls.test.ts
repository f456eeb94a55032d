/** Hundreds of concurrent calls: calls and health checks of one pool do not wait for another pool, or for other requests of the process. */
import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { defineMethod } from "../../src/index.ts";
import { waitFor } from "../harness/wait-for.ts";
import { failureOf, parentOf, startStaticRunner } from "./static-runners.ts";

const many = 300;

/** A method that runs until it is released, and a counter of its executions. */
const slowMethod = () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let running = 0;
  const work = {
    slow: defineMethod("slow", async (ctx) => {
      running++;
      await Promise.race([promise, new Promise((aborted) => ctx.signal.addEventListener("abort", aborted))]);
      return "done";
    }),
    quick: async () => "quick",
  };
  return { work, release: resolve, running: () => running };
};

test("a pool with 300 calls in flight does not delay another pool's calls or health checks", async () => {
  const { work, release, running } = slowMethod();
  const busy = await startStaticRunner("busy", work);
  const other = await startStaticRunner("other", work);
  const { flame } = parentOf(
    [],
    {},
    {
      pools: {
        default: { runners: [{ id: "busy", url: busy.url }], maxConcurrency: many },
        other: { runners: [{ id: "other", url: other.url }], healthCheckMs: 20, recycle: { maxRssBytes: 1e12 } },
      },
    },
  );
  const { slow, quick } = flame.service("work", work);
  const calls = Array.from({ length: many }, () => slow());
  await waitFor(() => running() === many, { what: "all handlers to run" });

  let ejected = 0;
  for (let look = 0; look < 40; look++) {
    await new Promise((resolve) => setTimeout(resolve, 30));
    ejected += flame.pools["other"]!.stats().runners.ejected;
    expect(await quick.with({ pool: "other", timeoutMs: 5_000 })()).toBe("quick");
  }
  expect(ejected).toBe(0);
  release();
  expect(new Set(await Promise.all(calls))).toEqual(new Set(["done"]));
});

test("300 pending fetches of the process do not delay a call", async () => {
  const waiting = new Set<() => void>();
  const elsewhere = createHttpServer((_, response) => waiting.add(() => response.end("late")));
  await new Promise<void>((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    elsewhere.closeAllConnections();
    elsewhere.close();
  });
  const url = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
  const fetched = Array.from({ length: many }, () => fetch(url).then((response) => response.text()));
  // Bun sends at most 256 at a time.
  await waitFor(() => waiting.size >= 256, { what: "the other requests to arrive" });

  const { work } = slowMethod();
  const runner = await startStaticRunner("r1", work);
  const { quick } = parentOf([{ id: "r1", url: runner.url }]).flame.service("work", work);
  expect(await quick.with({ timeoutMs: 10_000 })()).toBe("quick");

  const finish = setInterval(() => {
    for (const answer of waiting) answer();
    waiting.clear();
  }, 5);
  expect(new Set(await Promise.all(fetched))).toEqual(new Set(["late"]));
  clearInterval(finish);
});

test("a call that times out before it is sent has executed: no, and one that times out afterwards has executed: unknown", async () => {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => sockets.add(socket.on("error", () => {})));
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  const { port } = silent.address() as AddressInfo;
  const callTo = (url: string) =>
    parentOf([{ id: "r1", url }], { transport: "http" }).flame.service("work", { quick: async () => "quick" }).quick;
  const unsent = await failureOf(callTo(`https://127.0.0.1:${port}`).with({ timeoutMs: 300 })());
  expect(unsent).toMatchObject({ code: "timeout", executed: "no", phase: "network" });
  expect(unsent.message).toContain("could not be sent");
  const sent = await failureOf(callTo(`http://127.0.0.1:${port}`).with({ timeoutMs: 300 })());
  expect(sent).toMatchObject({ code: "timeout", executed: "unknown" });
});
