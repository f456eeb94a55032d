/** Connections that are cut while they are idle, and with a request on them: a call without a retry policy runs at most once. */
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { defineMethod } from "../../src/index.ts";
import { openLedger } from "../harness/ledger.ts";
import { parentOf, startStaticRunner } from "../integration/static-runners.ts";
import { books, keepBusy, seeded, size } from "./setup.ts";

interface Cuts {
  /** Cut while nothing was under way on them. */
  idle: number;
  /** Cut when the last byte of a request had come, which was handed on. */
  arrived: number;
  /** Cut when the last byte of a request had come, which was not handed on. */
  lost: number;
}

test("no call runs twice when kept connections are cut, idle or with a request on them", async () => {
  const chance = seeded();
  const { env, call, read } = books();
  const ledger = openLedger(env["CHAOS_LEDGER"]!);
  onTestFinished(() => ledger.close());
  const work = {
    once: defineMethod("once", async (ctx, id: string) => {
      ledger.execStart(id);
      await new Promise((resolve) => setTimeout(resolve, chance.whole(0, 3)));
      if (!ctx.signal.aborted) ledger.execEnd(id);
      return id;
    }),
  };
  const runner = await startStaticRunner("r1", work);

  const cuts: Cuts = { idle: 0, arrived: 0, lost: 0 };
  const open = new Set<Socket>();
  let connections = 0;
  const proxy = createServer((client) => {
    connections++;
    open.add(client);
    const onward = connect(runner.port, "127.0.0.1");
    const cut = (): void => {
      if (chance() < 0.5) {
        client.resetAndDestroy();
        onward.resetAndDestroy();
      } else {
        client.destroy();
        onward.destroy();
      }
    };
    for (const socket of [client, onward]) {
      socket
        .on("error", () => {})
        .on("close", () => {
          open.delete(client);
          client.destroy();
          onward.destroy();
        });
    }
    client.on("data", (chunk: Buffer) => {
      const ends = chunk.at(-1) === 0x7d; // The end of a body in JSON.
      const fate = ends ? chance() : 1;
      if (fate < 0.05) {
        cuts.lost++;
        cut();
      } else if (fate < 0.1) {
        cuts.arrived++;
        onward.write(chunk, cut);
      } else onward.write(chunk);
    });
    onward.on("data", (chunk: Buffer) => {
      client.write(chunk);
      if (chance() >= 0.15) return;
      // At once, within the reuse of the connection, or a moment later.
      const idle = (): void => {
        cuts.idle++;
        cut();
      };
      if (chance() < 0.5) setImmediate(idle);
      else setTimeout(idle, chance.whole(0, 5));
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    proxy.close();
  });

  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const { flame } = parentOf([{ id: "r1", url }], { maxConcurrency: 32, retryBudget: false });
  const { once } = flame.service("work", work);
  const calls = size({ long: 50_000, short: 3_000 });
  let made = 0;
  await keepBusy(
    24,
    () => made < calls,
    () => {
      const id = `call-${made++}`;
      return call(id, () => once.with({ timeoutMs: 20_000 })(id));
    },
  );

  const { outcomes, executions, ...report } = read();
  console.log(`${connections} connections, cut:`, cuts, Object.fromEntries(outcomes));
  expect(report).toEqual({
    calls,
    missing: [],
    double: [],
    reused: [],
    unknown: [],
    untyped: [],
    repeated: [],
    unreadable: [],
  });
  for (const count of Object.values(cuts)) expect(count).toBeGreaterThan(0);
  expect(outcomes.get("transport_error")).toBeGreaterThan(0);
  expect(outcomes.get("ok")).toBeGreaterThan(calls / 3);
  expect(executions.size).toBeGreaterThan(calls / 3);
});
